-- +goose Up
-- Scans that somebody asked to have as a file. What is made is in export_parts until a day after; the row stays, as a trace.
CREATE TABLE exports (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    created    INTEGER NOT NULL,
    created_by TEXT NOT NULL,    -- the account that asked, which alone has it
    agency     TEXT NOT NULL,    -- of that account then
    format     TEXT NOT NULL CHECK (format IN ('csv', 'zip')),
    filter     TEXT NOT NULL,    -- JSON
    state      TEXT NOT NULL CHECK (state IN ('waiting', 'ready', 'failed', 'expired')),
    error      TEXT NOT NULL DEFAULT '',
    run        INTEGER NOT NULL DEFAULT 0, -- how often it was begun; only the last one may add to it
    scans      INTEGER NOT NULL DEFAULT 0,
    size       INTEGER NOT NULL DEFAULT 0, -- bytes
    sha256     TEXT NOT NULL DEFAULT '',
    simulated  INTEGER NOT NULL DEFAULT 0, -- one of its scans is
    finished   INTEGER,
    expires    INTEGER
);
CREATE INDEX exports_created_by ON exports(created_by, seq);

-- The scans that are in it.
CREATE TABLE export_scans (
    export_id TEXT NOT NULL REFERENCES exports(id),
    scan_id   TEXT NOT NULL REFERENCES scans(id),
    PRIMARY KEY (export_id, scan_id)
) WITHOUT ROWID;
CREATE INDEX export_scans_scan ON export_scans(scan_id);

-- Its bytes, one after the other, encrypted as those of files are.
CREATE TABLE export_parts (
    id        TEXT PRIMARY KEY, -- of the export, and the number of the part
    export_id TEXT NOT NULL REFERENCES exports(id),
    n         INTEGER NOT NULL,
    data      BLOB NOT NULL,
    data_key  TEXT NOT NULL
);
CREATE UNIQUE INDEX export_parts_n ON export_parts(export_id, n);
CREATE INDEX export_parts_key ON export_parts(data_key);
-- +goose StatementBegin
CREATE TRIGGER export_parts_encrypted BEFORE INSERT ON export_parts WHEN NEW.data_key = '' AND EXISTS (SELECT 1 FROM encryption_keys)
BEGIN SELECT RAISE(ABORT, 'this database is encrypted'); END;
-- +goose StatementEnd

-- Who has a file asks for its scans, for thousands of files one after the other.
CREATE INDEX scans_sha256 ON scans(sha256);

-- +goose Down
DROP INDEX scans_sha256;
DROP TABLE export_parts;
DROP TABLE export_scans;
DROP TABLE exports;
