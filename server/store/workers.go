package store

import (
	"context"
	"fmt"
	"time"
)

// Worker is a program that takes jobs.
type Worker struct {
	ID        string    `json:"id"`
	Server    bool      `json:"server" doc:"false: it takes jobs only"`
	Host      string    `json:"host"`
	Library   string    `json:"library" doc:"version of the library that it answers with"`
	Algorithm string    `json:"algorithm"`
	Queue     string    `json:"queue" doc:"of the jobs that ask for this library and algorithm"`
	Started   time.Time `json:"started"`
	// Beat grows for as long as the program lives. Clocks of machines differ; that it grows is seen without one.
	Beat int64 `json:"-"`
}

// Beat notes that a worker lives, and what it answers with.
func (s *Store) Beat(ctx context.Context, w Worker) error {
	return s.write(ctx, func(tx queries) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO job_workers (id, server, host, library, algorithm, queue, started, beat) VALUES (?,?,?,?,?,?,?,?)
			ON CONFLICT (id) DO UPDATE SET library = excluded.library, algorithm = excluded.algorithm, queue = excluded.queue, beat = excluded.beat`,
			w.ID, w.Server, w.Host, w.Library, w.Algorithm, w.Queue, micros(w.Started), w.Beat)
		return err
	})
}

// Workers are those that have not ended, as far as is known, in the order of starting.
func (s *Store) Workers(ctx context.Context) ([]Worker, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT id, server, host, library, algorithm, queue, started, beat FROM job_workers ORDER BY started, id")
	if err != nil {
		return nil, fmt.Errorf("read workers: %w", err)
	}
	defer rows.Close()
	out := []Worker{}
	for rows.Next() {
		var w Worker
		var started int64
		if err := rows.Scan(&w.ID, &w.Server, &w.Host, &w.Library, &w.Algorithm, &w.Queue, &started, &w.Beat); err != nil {
			return nil, fmt.Errorf("read workers: %w", err)
		}
		w.Started = fromMicros(started)
		out = append(out, w)
	}
	return out, rows.Err()
}

// RemoveWorker forgets a worker that has ended.
func (s *Store) RemoveWorker(ctx context.Context, id string) error {
	return s.write(ctx, func(tx queries) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM job_workers WHERE id = ?", id)
		return err
	})
}

// MoveJobs puts the jobs that wait in one queue into another and returns how many.
func (s *Store) MoveJobs(ctx context.Context, from, to string) (n int, err error) {
	err = s.write(ctx, func(tx queries) error {
		n, err = changed(tx.ExecContext(ctx, "UPDATE river_job SET queue = ? WHERE queue = ? AND state IN ('available', 'scheduled', 'retryable', 'pending')", to, from))
		return err
	})
	return n, err
}

// farAhead are conditions on jobs that wait, and on who leads River's programs, that a time of theirs is further ahead than far by the
// clock of the database, which River goes by; each has one argument, and now is that clock.
//
// Deliveries to webhooks wait up to WebhookWait longer.
func (s *Store) farAhead(far time.Duration) (waiting, leads, now string, ahead any) {
	later, longer := "datetime('now', 'subsec', ?)", "datetime(scheduled_at, '-%d seconds')"
	now, ahead = "datetime('now', 'subsec')", fmt.Sprintf("+%d seconds", int64(far.Seconds()))
	if s.queue.listen != nil {
		later, longer, now, ahead = "now() + make_interval(secs => ?)", "scheduled_at - make_interval(secs => %d)", "now()", far.Seconds()
	}
	longer = fmt.Sprintf(longer, int64(WebhookWait.Seconds()))
	return "state IN ('available', 'scheduled', 'retryable', 'pending') AND CASE WHEN kind = '" + WebhookJob{}.Kind() + "' THEN " + longer + " ELSE scheduled_at END > " + later,
		"expires_at > " + later, now, ahead
}

// JobTimesOff tells whether a job waits for a time that is further ahead than far, or who leads does so for longer than that: the clock
// of a machine was ahead when that was noted.
func (s *Store) JobTimesOff(ctx context.Context, far time.Duration) (off bool, err error) {
	waiting, leads, _, ahead := s.farAhead(far)
	err = s.r.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM river_job WHERE "+waiting+") OR EXISTS (SELECT 1 FROM river_leader WHERE "+leads+")", ahead, ahead).Scan(&off)
	return off, err
}

// MendJobTimes lets the jobs be taken now that JobTimesOff tells of, and returns how many, and lets another program lead.
func (s *Store) MendJobTimes(ctx context.Context, far time.Duration) (n int, err error) {
	waiting, leads, now, ahead := s.farAhead(far)
	err = s.write(ctx, func(tx queries) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM river_leader WHERE "+leads, ahead); err != nil {
			return err
		}
		n, err = changed(tx.ExecContext(ctx, "UPDATE river_job SET scheduled_at = "+now+" WHERE "+waiting, ahead))
		return err
	})
	return n, err
}

// WaitingQueues are the queues with jobs that are not ended.
func (s *Store) WaitingQueues(ctx context.Context) ([]string, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT DISTINCT queue FROM river_job WHERE state IN ('available', 'scheduled', 'retryable', 'pending')")
	if err != nil {
		return nil, fmt.Errorf("read queues: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var q string
		if err := rows.Scan(&q); err != nil {
			return nil, fmt.Errorf("read queues: %w", err)
		}
		out = append(out, q)
	}
	return out, rows.Err()
}

// JobCounts are how many jobs there are, by kind and state.
func (s *Store) JobCounts(ctx context.Context) (map[string]map[string]int, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT kind, CAST(state AS TEXT), count(*) FROM river_job GROUP BY kind, state")
	if err != nil {
		return nil, fmt.Errorf("count jobs: %w", err)
	}
	defer rows.Close()
	out := map[string]map[string]int{}
	for rows.Next() {
		var kind, state string
		var n int
		if err := rows.Scan(&kind, &state, &n); err != nil {
			return nil, fmt.Errorf("count jobs: %w", err)
		}
		if out[kind] == nil {
			out[kind] = map[string]int{}
		}
		out[kind][state] = n
	}
	return out, rows.Err()
}
