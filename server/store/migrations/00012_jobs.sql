-- +goose Up
-- Files that were handed in together. The tables of the job queue itself are River's and made by it (see river.go).
CREATE TABLE batches (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    fields     TEXT NOT NULL, -- JSON: the circumstances of all its files
    created    INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    submitter  TEXT NOT NULL, -- JSON: on whose behalf its scans are stored
    agency     TEXT NOT NULL,
    tlp        INTEGER NOT NULL,
    chunks     INTEGER NOT NULL DEFAULT 0, -- how many parts were given to jobs
    cancelled  INTEGER
);

CREATE TABLE batch_files (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    batch    TEXT NOT NULL REFERENCES batches(id),
    sha256   TEXT NOT NULL REFERENCES files(sha256),
    name     TEXT NOT NULL,
    state    TEXT NOT NULL, -- waiting, done, failed or cancelled
    chunk    INTEGER,       -- NULL: not given to a job yet; 0: to one of its own
    scans    INTEGER NOT NULL DEFAULT 0,
    error    TEXT NOT NULL DEFAULT '',
    added    INTEGER NOT NULL,
    finished INTEGER,
    UNIQUE (batch, sha256)
);
CREATE INDEX batch_files_state ON batch_files(batch, state);
CREATE INDEX batch_files_chunk ON batch_files(batch, chunk);
CREATE INDEX batch_files_finished ON batch_files(finished);
-- What is new of one batch is asked often.
CREATE INDEX batch_files_news ON batch_files(batch, finished);
CREATE INDEX batch_files_last ON batch_files(batch, seq);

-- Programs that take jobs. One whose beat stands still has ended.
CREATE TABLE job_workers (
    id        TEXT PRIMARY KEY,
    server    INTEGER NOT NULL, -- 0: it takes jobs only
    host      TEXT NOT NULL,
    library   TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    queue     TEXT NOT NULL, -- of the jobs that ask for this library and algorithm
    started   INTEGER NOT NULL,
    beat      INTEGER NOT NULL
);

-- +goose Down
DROP TABLE job_workers;
DROP TABLE batch_files;
DROP TABLE batches;
