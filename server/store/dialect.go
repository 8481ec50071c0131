package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/pressly/goose/v3"

	"fentrace/server/audit"
)

// dialect is what one kind of database needs that another does not.
type dialect struct {
	goose      goose.Dialect
	migrations string // folder of the migrations
	options    []goose.ProviderOption

	// rebuilding are statements before and after migrations: SQLite rebuilds a table that others refer to only while it does not look
	// after that. Empty: there is no need.
	rebuilding [2]string

	// numbered: placeholders are $1, $2 and so on, not ?.
	numbered bool
	// isolation of transactions that write.
	isolation sql.IsolationLevel
	// lock is the statement such a transaction begins with so that there is one at a time; empty: beginning does that.
	lock string
	// arg changes a value that the database would not take as it is; nil: there are none.
	arg func(any) any
	// name wraps ErrFull, ErrDisk or ErrUnavailable around the errors of the driver that mean that.
	name func(error) error
	// identity asks which database this is; empty: it is the one in its folder.
	identity string
	// hasTable tells of a name whether there is such a table.
	hasTable string
	// scrub empties the log of the database, and answers as SQLite does; empty: nothing does.
	scrub string
	// lost tells of the error of a commit whether the commit may have been made; nil: it was not.
	lost func(error) bool

	texts sync.Map // what number has made: there are few texts, and they come again and again
}

// named calls an error by its name. What only says that ctx has ended stays as it is.
func (d *dialect) named(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrFull) || errors.Is(err, ErrDisk) {
		return err
	}
	return d.name(err)
}

// namedCommit is named for the error of a commit, which a database that was lost may have made or not.
func (d *dialect) namedCommit(ctx context.Context, err error) error {
	named := d.named(ctx, err)
	if d.lost != nil && d.lost(err) && (errors.Is(named, ErrUnavailable) || errors.Is(named, ErrDisk)) {
		return fmt.Errorf("%w: %w", ErrUncertain, err)
	}
	return named
}

// runner is what a database and a transaction have in common.
type runner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// queries runs SQL with placeholders written as ?, and calls errors by their name.
type queries struct {
	on runner
	d  *dialect
	// shared: on is a transaction that others have a part in. What is begun there is not interrupted when one of them gives up.
	shared bool
	notes  *[]audit.Leaf // what is noted in the log when the transaction is committed; nil outside of write
}

func (q queries) context(ctx context.Context) context.Context {
	if q.shared {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

func (q queries) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	ctx = q.context(ctx)
	res, err := q.on.ExecContext(ctx, q.d.text(query), q.d.args(args)...)
	return res, q.d.named(ctx, err)
}

func (q queries) QueryContext(ctx context.Context, query string, args ...any) (*rows, error) {
	ctx = q.context(ctx)
	r, err := q.on.QueryContext(ctx, q.d.text(query), q.d.args(args)...)
	if err != nil {
		return nil, q.d.named(ctx, err)
	}
	return &rows{r, ctx, q.d}, nil
}

func (q queries) QueryRowContext(ctx context.Context, query string, args ...any) row {
	ctx = q.context(ctx)
	return row{q.on.QueryRowContext(ctx, q.d.text(query), q.d.args(args)...), ctx, q.d}
}

// rows are sql.Rows whose errors are called by their name.
type rows struct {
	*sql.Rows
	ctx context.Context
	d   *dialect
}

func (r *rows) Err() error { return r.d.named(r.ctx, r.Rows.Err()) }

// row is an sql.Row whose errors are called by their name.
type row struct {
	row *sql.Row
	ctx context.Context
	d   *dialect
}

func (r row) Scan(into ...any) error { return r.d.named(r.ctx, r.row.Scan(into...)) }

func (d *dialect) args(args []any) []any {
	if d.arg == nil {
		return args
	}
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = d.arg(a)
	}
	return out
}

func (d *dialect) text(query string) string {
	if !d.numbered {
		return query
	}
	if known, ok := d.texts.Load(query); ok {
		return known.(string)
	}
	n := number(query)
	d.texts.Store(query, n)
	return n
}

// number turns each ? into $1, $2 and so on, but for those in quotes and in comments to the end of a line.
func number(query string) string {
	var b strings.Builder
	n, quote := 0, byte(0)
	for i := range len(query) {
		switch c := query[i]; {
		case quote == 0 && c == '?':
			n++
			b.WriteString("$" + strconv.Itoa(n))
			continue
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case quote == 0 && strings.HasPrefix(query[i:], "--"):
			quote = '\n'
		case c == quote: // a doubled quote ends and begins again
			quote = 0
		}
		b.WriteByte(query[i])
	}
	return b.String()
}

// asciiLower is what lower() makes of a text in both databases: only A to Z change.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
