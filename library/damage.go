package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// damaged calls errors by the name ErrDamaged with which SQLite says that pages of the file are not what it wrote.
func damaged(err error) error {
	var e sqlite3.Error
	if errors.As(err, &e) && (e.Code == sqlite3.ErrCorrupt || e.Code == sqlite3.ErrNotADB) && !errors.Is(err, ErrDamaged) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// unreadable names what hinders the values of a row from being read: but for the end of ctx they are not those that were written.
func unreadable(err error) error {
	if err = damaged(err); errors.Is(err, ErrDamaged) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// held is what a library has under the id of a reference.
type held struct {
	rowid int64
	// damage wraps ErrDamaged; nil: the reference is whole.
	damage error
	// misindexed: what the indexes say of it is damaged too, or alone.
	misindexed bool
}

// holds finds what is held under an id; there is false where nothing is. The error is none of damage to the reference.
func holds(ctx context.Context, tx *sql.Tx, id string) (h held, there bool, err error) {
	err = tx.QueryRowContext(ctx, `SELECT rowid FROM reference_spectra WHERE id = ?`, id).Scan(&h.rowid)
	if errors.Is(err, sql.ErrNoRows) {
		return h, false, nil
	}
	if err != nil {
		return h, false, err
	}
	r, err := readRow(ctx, tx, h.rowid)
	if errors.Is(err, ErrDamaged) {
		h.damage, h.misindexed = err, r.ID != "" && r.ID != id
		return h, true, nil
	}
	if err != nil {
		return h, false, err
	}
	if r.ID != id {
		h.damage, h.misindexed = fmt.Errorf("%w: reference %s is listed as %s", ErrDamaged, r.ID, id), true
		return h, true, nil
	}
	if h.damage = damaged(listedAsItIs(ctx, tx, r)); h.damage != nil {
		if !errors.Is(h.damage, ErrDamaged) {
			return h, false, h.damage
		}
		h.misindexed = true
	}
	return h, true, nil
}

// querier is a database, a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// readRow reads the reference in one row of the table, whatever the indexes say of it. The error wraps ErrDamaged when there is
// none or it is damaged; the reference then has an id as far as one could be read.
func readRow(ctx context.Context, q querier, rowid int64) (Reference, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+referenceColumns+` FROM reference_spectra WHERE rowid = ?`, rowid)
	if err != nil {
		return Reference{}, damaged(err)
	}
	defer rows.Close()
	if !rows.Next() {
		if err = rows.Err(); err == nil {
			err = fmt.Errorf("%w: row %d is listed and not there", ErrDamaged, rowid)
		}
		return Reference{}, damaged(err)
	}
	return scanReference(rows)
}

// listedAsItIs compares what a large library is opened by, an index, with the reference that it lists. The error wraps ErrDamaged.
func listedAsItIs(ctx context.Context, q querier, r Reference) error {
	var listed Reference
	err := q.QueryRowContext(ctx, `SELECT substance_id, tier, technique FROM reference_spectra INDEXED BY reference_spectra_facts WHERE id = ?`, r.ID).
		Scan(&listed.SubstanceID, &listed.Tier, &listed.Technique)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%w: reference %s of %s is not listed", ErrDamaged, r.ID, r.SubstanceID)
	case err != nil:
		return err
	case listed.SubstanceID != r.SubstanceID || listed.Tier != r.Tier || listed.Technique != r.Technique:
		return fmt.Errorf("%w: reference %s is listed as %s, %s, %s and is %s, %s, %s", ErrDamaged, r.ID, listed.SubstanceID, listed.Technique, listed.Tier,
			r.SubstanceID, r.Technique, r.Tier)
	}
	return nil
}

// takeOut removes what is damaged, so that it can be stored again. SQLite refuses that when it cannot follow the pages.
func takeOut(ctx context.Context, tx *sql.Tx, h held) error {
	if h.misindexed { // before the row goes: SQLite finds its entries by what the row says
		if _, err := tx.ExecContext(ctx, `REINDEX reference_spectra`); err != nil {
			return damaged(err)
		}
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM reference_spectra WHERE rowid = ?`, h.rowid)
	return damaged(err)
}
