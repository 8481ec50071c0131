package store

import (
	"context"
	"regexp"
)

// Bucket is all scans of one agency with one marking. What goes on in the background is counted by it, so that everybody can be told
// the number of what he may see.
type Bucket struct {
	Agency string
	Rank   int // of the marking, see tlp.Level.Rank
}

// Buckets are those of the scans with these ids, by id. Scans that may not be seen are left out.
func (s *Store) Buckets(ctx context.Context, ids []string) (map[string]Bucket, error) {
	out := make(map[string]Bucket, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	see, args, err := visible(ctx, "s")
	if err != nil {
		return nil, err
	}
	all := make([]any, len(ids), len(ids)+len(args))
	for i, id := range ids {
		all[i] = id
	}
	rows, err := s.r.QueryContext(ctx, "SELECT s.id, s.agency, s.tlp FROM scans s WHERE s.id IN ("+marks(len(ids))+") AND "+see, append(all, args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var b Bucket
		if err := rows.Scan(&id, &b.Agency, &b.Rank); err != nil {
			return nil, err
		}
		out[id] = b
	}
	return out, rows.Err()
}

// Searchable counts the scans of a technique up to a number, by bucket, of those that may be seen.
func (s *Store) Searchable(ctx context.Context, technique string, upTo int64) (map[Bucket]int, error) {
	see, args, err := visible(ctx, "s")
	if err != nil {
		return nil, err
	}
	rows, err := s.r.QueryContext(ctx, "SELECT s.agency, s.tlp, count(*) FROM scans s WHERE s.technique = ? AND s.seq <= ? AND "+see+" GROUP BY s.agency, s.tlp",
		append([]any{technique, upTo}, args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[Bucket]int{}
	for rows.Next() {
		var b Bucket
		var n int
		if err := rows.Scan(&b.Agency, &b.Rank, &n); err != nil {
			return nil, err
		}
		out[b] = n
	}
	return out, rows.Err()
}

// ids of scans and results.
var ids = regexp.MustCompile(`[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)

// told is a text of the program's about its work as an account is told it: without the ids of records, which it may not see.
func told(ctx context.Context, text string) string {
	if p, _ := Asking(ctx); p.Program {
		return text
	}
	return ids.ReplaceAllString(text, "…")
}

// toldError is why work failed as an account is told it: the cause may speak of records.
func toldError(ctx context.Context, text string) string {
	if p, _ := Asking(ctx); p.Program || text == "" {
		return text
	}
	return "it failed; the log of the server says why"
}
