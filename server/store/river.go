package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

// The arguments of jobs. They hold ids, never what is behind them: whoever runs a job reads that as it is then.
type (
	// GatherJob gives the files of a batch that belong to no job yet to jobs.
	GatherJob struct {
		Batch string `json:"batch"`
	}
	// ChunkJob answers those files of a part of a batch that wait.
	ChunkJob struct {
		Batch string `json:"batch"`
		Chunk int64  `json:"chunk"`
	}
	// FileJob answers one file of a batch that did not go well among others.
	FileJob struct {
		Batch string `json:"batch"`
		File  int64  `json:"file"`
	}
	// LookBackJob goes on with one look through the past.
	LookBackJob struct {
		Rescreen string `json:"rescreen"`
	}
	// ExportJob makes an export.
	ExportJob struct {
		Export string `json:"export"`
	}
	// WebhookJob makes a delivery to a webhook; Run is how often that was asked for again.
	WebhookJob struct {
		Delivery string `json:"delivery"`
		Run      int    `json:"run"`
	}
)

// Kind implements river.JobArgs.
func (GatherJob) Kind() string { return "batch_gather" }

// Kind implements river.JobArgs.
func (ChunkJob) Kind() string { return "batch_chunk" }

// Kind implements river.JobArgs.
func (FileJob) Kind() string { return "batch_file" }

// Kind implements river.JobArgs.
func (LookBackJob) Kind() string { return "look_back" }

// Kind implements river.JobArgs.
func (ExportJob) Kind() string { return "export" }

// Kind implements river.JobArgs.
func (WebhookJob) Kind() string { return "webhook" }

// WebhookQueue is the queue of deliveries, which every server makes. Whoever raises an alert knows nothing else of jobs.
const WebhookQueue = "webhooks"

// WebhookWait is the longest time between two attempts to deliver; with webhookTries, and a first wait of two seconds that doubles, the
// last one is about three days after the first.
const (
	WebhookWait  = 6 * time.Hour
	webhookTries = 26
)

// How often a job is tried. Those that work on many things fail only when the database does, and must not be given up for that;
// one file that cannot be answered, or export that cannot be made, is not worth more.
const (
	manyTries = 100
	fileTries = 5
)

// InsertOpts implements river.JobArgsWithInsertOpts.
func (GatherJob) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: manyTries} }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (ChunkJob) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: manyTries} }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (FileJob) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: fileTries} }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (LookBackJob) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: manyTries} }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (ExportJob) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: fileTries} }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (WebhookJob) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: webhookTries} }

// queue are the parts of the database that belong to River.
type queue struct {
	// on is where River's own statements run. With SQLite it is the one connection that writes, so that River waits its turn there
	// instead of finding the database locked; its transactions are short and never wait for ours while they have it. PostgreSQL
	// lets them run beside ours.
	on     *sql.DB
	listen *pgxpool.Pool // hears of new jobs; nil: SQLite
	insert *river.Client[*sql.Tx]
}

// riverConnections is how many connections River has to PostgreSQL, besides the one that listens.
const riverConnections = 4

func (q *queue) driver() riverdriver.Driver[*sql.Tx] {
	if q.listen != nil {
		return riverdatabasesql.NewWithPgxListener(q.on, q.listen)
	}
	return riversqlite.New(q.on)
}

// openQueue brings River's tables up to date and prepares inserting.
func (s *Store) openQueue(ctx context.Context) (err error) {
	quiet := slog.New(slog.DiscardHandler)
	driver := s.queue.driver()
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet})
	if err != nil {
		return err
	}
	latest := m.AllVersions()[len(m.AllVersions())-1].Version
	// One transaction for each: PostgreSQL does not let a new value of an enumeration be used in the one that adds it.
	for have := 0; ; {
		existing, err := m.ExistingVersions(ctx)
		if err != nil {
			return s.d.named(ctx, err)
		}
		if len(existing) > 0 {
			have = existing[len(existing)-1].Version
		}
		if have >= latest {
			break
		}
		err = s.write(ctx, func(tx queries) error {
			//lint:ignore SA1019 it is discouraged for several versions in one transaction; here each has its own, behind the lock of whoever writes
			_, err := m.MigrateTx(ctx, tx.on.(*sql.Tx), rivermigrate.DirectionUp, &rivermigrate.MigrateOpts{MaxSteps: 1})
			return err
		})
		if err != nil {
			return fmt.Errorf("make the tables of the job queue: %w", err)
		}
	}
	s.queue.insert, err = river.NewClient(driver, &river.Config{Logger: quiet})
	return err
}

func (q *queue) close(w *sql.DB) error {
	if q.listen != nil {
		q.listen.Close()
	}
	if q.on != nil && q.on != w {
		return q.on.Close()
	}
	return nil
}

// JobDriver is how River reaches the database. It ends with the store.
func (s *Store) JobDriver() riverdriver.Driver[*sql.Tx] { return s.queue.driver() }

// insertJob puts a job into a queue in the transaction tx: it is there if and only if the rest of that is.
func (s *Store) insertJob(ctx context.Context, tx queries, args river.JobArgs, queue string) error {
	on, ok := tx.on.(*sql.Tx)
	if !ok {
		return errors.New("a job can only be stored in a transaction")
	}
	if _, err := s.queue.insert.InsertTx(tx.context(ctx), on, args, &river.InsertOpts{Queue: queue}); err != nil {
		return fmt.Errorf("store the job %s: %w", args.Kind(), tx.d.named(ctx, err))
	}
	return nil
}

// InsertLookBack puts the job that goes on with a look-back into the queue.
func (s *Store) InsertLookBack(ctx context.Context, id, queue string) error {
	return s.write(ctx, func(tx queries) error {
		return s.insertJob(ctx, tx, LookBackJob{Rescreen: id}, queue)
	})
}
