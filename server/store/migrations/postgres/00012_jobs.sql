-- +goose Up
-- Files that were handed in together. The tables of the job queue itself are River's and made by it (see river.go).
CREATE TABLE batches (
    seq        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         TEXT COLLATE "C" NOT NULL UNIQUE,
    name       TEXT COLLATE "C" NOT NULL,
    fields     TEXT COLLATE "C" NOT NULL, -- JSON: the circumstances of all its files
    created    BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    submitter  TEXT COLLATE "C" NOT NULL, -- JSON: on whose behalf its scans are stored
    agency     TEXT COLLATE "C" NOT NULL,
    tlp        BIGINT NOT NULL,
    chunks     BIGINT NOT NULL DEFAULT 0, -- how many parts were given to jobs
    cancelled  BIGINT
);

CREATE TABLE batch_files (
    seq      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch    TEXT COLLATE "C" NOT NULL REFERENCES batches(id),
    sha256   TEXT COLLATE "C" NOT NULL REFERENCES files(sha256),
    name     TEXT COLLATE "C" NOT NULL,
    state    TEXT COLLATE "C" NOT NULL, -- waiting, done, failed or cancelled
    chunk    BIGINT,                    -- NULL: not given to a job yet; 0: to one of its own
    scans    BIGINT NOT NULL DEFAULT 0,
    error    TEXT COLLATE "C" NOT NULL DEFAULT '',
    added    BIGINT NOT NULL,
    finished BIGINT,
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
    id        TEXT COLLATE "C" PRIMARY KEY,
    server    BOOLEAN NOT NULL, -- false: it takes jobs only
    host      TEXT COLLATE "C" NOT NULL,
    library   TEXT COLLATE "C" NOT NULL,
    algorithm TEXT COLLATE "C" NOT NULL,
    queue     TEXT COLLATE "C" NOT NULL, -- of the jobs that ask for this library and algorithm
    started   BIGINT NOT NULL,
    beat      BIGINT NOT NULL
);

-- +goose Down
DROP TABLE job_workers;
DROP TABLE batch_files;
DROP TABLE batches;
