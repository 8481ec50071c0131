-- +goose Up
-- Looking through the past with one reference. A row goes on where it stopped: everything up to scan number upto is done.
CREATE TABLE rescreens (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT NOT NULL UNIQUE,
    reference_id TEXT NOT NULL,
    substance    TEXT NOT NULL,
    library      TEXT NOT NULL,            -- version of the library that answers
    asked_by     TEXT NOT NULL,
    created      INTEGER NOT NULL,
    state        TEXT NOT NULL,            -- running, done, cancelled, failed
    error        TEXT NOT NULL DEFAULT '',
    screened     INTEGER NOT NULL DEFAULT 0, -- scans in the archive
    total        INTEGER NOT NULL DEFAULT 0, -- of them so like the reference that they are answered again
    done         INTEGER NOT NULL DEFAULT 0,
    upto         INTEGER NOT NULL DEFAULT 0
);

-- Scans like a reference that was not there when they were answered. Their answers stay as they were given.
CREATE TABLE lookback_hits (
    reference_id TEXT NOT NULL,
    scan_id      TEXT NOT NULL REFERENCES scans(id),
    substance    TEXT NOT NULL,
    class        TEXT NOT NULL,
    controlled   INTEGER NOT NULL,
    score        REAL NOT NULL,
    shift_cm1    REAL NOT NULL,
    stated       INTEGER NOT NULL, -- the answer of now rests on the substance
    verdict      TEXT NOT NULL,    -- of now
    headline     TEXT NOT NULL,
    library      TEXT NOT NULL,
    found        INTEGER NOT NULL,
    PRIMARY KEY (reference_id, scan_id)
) WITHOUT ROWID;
CREATE INDEX lookback_hits_scan ON lookback_hits(scan_id);

-- Something that people have to hear of.
CREATE TABLE alerts (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT NOT NULL UNIQUE,
    created      INTEGER NOT NULL,
    substance    TEXT NOT NULL,
    reference_id TEXT NOT NULL,
    scan_id      TEXT NOT NULL REFERENCES scans(id), -- the first one now
    county       TEXT NOT NULL,
    state        TEXT NOT NULL,
    fips         TEXT NOT NULL,
    simulated    INTEGER NOT NULL,
    first_seen   INTEGER NOT NULL, -- now
    seen_before  INTEGER,          -- when it was thought to be seen first; null: never
    read_by      TEXT,
    read         INTEGER,
    UNIQUE (substance, county, state, fips, simulated, scan_id)
);

-- +goose Down
DROP TABLE alerts;
DROP TABLE lookback_hits;
DROP TABLE rescreens;
