-- +goose Up
-- What is to be sent on to another server: one row per file, made in the transaction that stores the file.
-- A row waits until sent or parked is set; those that were sent stay as the record of where the file went.
CREATE TABLE outbox (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT, -- order of storing, and of sending
    sha256   TEXT NOT NULL UNIQUE REFERENCES files(sha256),
    key      TEXT NOT NULL UNIQUE,              -- the Idempotency-Key of every attempt
    attempts INTEGER NOT NULL DEFAULT 0,
    tried    INTEGER,                           -- when the last attempt ended
    error    TEXT NOT NULL DEFAULT '',          -- why it did; empty once sent
    parked   INTEGER,                           -- refused for good at this time: it is not tried again by itself
    sent     INTEGER,                           -- the other server has stored it at the latest at this time
    sent_to  TEXT NOT NULL DEFAULT '',          -- its address
    sent_id  TEXT NOT NULL DEFAULT ''           -- the scan's id there
);
CREATE INDEX outbox_open ON outbox(seq) WHERE sent IS NULL;
CREATE INDEX outbox_sent ON outbox(sent);

-- The Idempotency-Keys of requests that stored, or would have stored, a file.
CREATE TABLE request_keys (
    user    TEXT NOT NULL,
    key     TEXT NOT NULL,
    sha256  TEXT NOT NULL REFERENCES files(sha256),
    created INTEGER NOT NULL, -- 1: that request stored something new
    at      INTEGER NOT NULL,
    PRIMARY KEY (user, key)
) WITHOUT ROWID;

-- What another server or program said of a scan, and showed, before it came here. Rows are never changed.
CREATE TABLE field_answers (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT, -- the order in which they were given; clocks there may be wrong
    sha256         TEXT NOT NULL REFERENCES files(sha256),
    spectrum_index INTEGER NOT NULL,
    scan_id        TEXT NOT NULL, -- there
    answer         TEXT NOT NULL, -- JSON as it came
    UNIQUE (sha256, spectrum_index, scan_id)
);

-- +goose Down
DROP TABLE field_answers;
DROP TABLE request_keys;
DROP TABLE outbox;
