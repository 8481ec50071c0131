package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"fentrace/server/audit"
)

// together is how many callers share one transaction at most.
const together = 64

// group lets callers that write at the same time share one transaction: what a commit costs, which is waiting for the disk, is
// then paid once for all of them. Each caller's part is a savepoint, so that one that fails takes nothing of the others with it.
type group struct {
	mu      sync.Mutex
	waiting []*part
	leads   bool // somebody commits what waits
	ended   sync.WaitGroup
}

// part is what one caller wants to be stored.
type part struct {
	ctx  context.Context
	do   func(queries) error
	err  error
	fell any // what do panicked with
	done chan struct{}

	notes []audit.Leaf // what do has noted in the log
}

// write runs f in a transaction, which others may share: either all of what f does is stored or nothing is. No other program writes
// meanwhile, so what is numbered in it becomes visible in the order of the numbers. f must touch nothing but the database and
// what belongs to its caller. Once begun it is not interrupted when ctx ends.
func (s *Store) write(ctx context.Context, f func(queries) error) error {
	p := &part{ctx: ctx, do: f, done: make(chan struct{})}
	s.together.mu.Lock()
	s.together.waiting = append(s.together.waiting, p)
	if !s.together.leads {
		s.together.leads = true
		s.together.ended.Go(s.lead)
	}
	s.together.mu.Unlock()
	<-p.done
	if p.fell != nil {
		panic(p.fell)
	}
	return p.err
}

// lead commits what waits until nothing does.
func (s *Store) lead() {
	g := &s.together
	for {
		g.mu.Lock()
		n := min(together, len(g.waiting))
		parts := g.waiting[:n:n]
		g.waiting = g.waiting[n:]
		if n == 0 {
			g.waiting, g.leads = nil, false
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		s.commit(parts)
		for _, p := range parts {
			close(p.done)
		}
	}
}

// commit stores the parts in one transaction and notes in each what became of it.
func (s *Store) commit(parts []*part) {
	wanted := parts[:0:0]
	for _, p := range parts {
		if p.err = p.ctx.Err(); p.err == nil {
			wanted = append(wanted, p)
		}
	}
	if len(wanted) == 0 {
		return
	}
	ctx := context.WithoutCancel(wanted[0].ctx)
	if len(wanted) > 1 {
		ctx = context.Background()
	}
	if err := s.transaction(ctx, wanted); err != nil {
		for _, p := range wanted {
			if p.err == nil && p.fell == nil {
				p.err = err
			}
		}
	}
}

// transaction runs the parts. Its error is that of all which have none of their own.
func (s *Store) transaction(ctx context.Context, parts []*part) error {
	if err := errors.Join(s.at.still(), s.at.writable()); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	tx, err := s.w.BeginTx(ctx, &sql.TxOptions{Isolation: s.d.isolation})
	if err != nil {
		return fmt.Errorf("begin: %w", s.d.named(ctx, err))
	}
	defer tx.Rollback()
	q := queries{on: tx, d: s.d, shared: true}
	if s.d.lock != "" {
		if _, err := q.ExecContext(ctx, s.d.lock); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
	}
	if len(parts) == 1 {
		if parts[0].run(q); parts[0].err != nil || parts[0].fell != nil {
			return nil
		}
	} else if err := runEach(ctx, q, parts); err != nil {
		return err
	}
	var notes []audit.Leaf
	for _, p := range parts {
		if p.err == nil && p.fell == nil {
			notes = append(notes, p.notes...)
		}
	}
	grown := s.edge
	if len(notes) > 0 {
		if grown, err = s.appendLog(ctx, q, notes); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", s.d.namedCommit(ctx, err))
	}
	s.edge = grown
	return nil
}

// runEach runs each part behind a savepoint, and takes back those that fail.
func runEach(ctx context.Context, q queries, parts []*part) error {
	for _, p := range parts {
		if _, err := q.ExecContext(ctx, "SAVEPOINT part"); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		p.run(q)
		if p.err != nil || p.fell != nil {
			if _, err := q.ExecContext(ctx, "ROLLBACK TO SAVEPOINT part"); err != nil {
				return errors.Join(p.err, fmt.Errorf("take back what failed: %w", err))
			}
		}
		if _, err := q.ExecContext(ctx, "RELEASE SAVEPOINT part"); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
	}
	return nil
}

// run does what the caller wants; a panic is the caller's.
func (p *part) run(q queries) {
	defer func() { p.fell = recover() }()
	q.notes = &p.notes
	p.err = p.do(q)
}
