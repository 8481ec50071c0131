-- +goose Up
-- Scans that somebody asked to have as a file. What is made is in export_parts until a day after; the row stays, as a trace.
CREATE TABLE exports (
    seq        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         TEXT COLLATE "C" NOT NULL UNIQUE,
    created    BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,    -- the account that asked, which alone has it
    agency     TEXT COLLATE "C" NOT NULL,    -- of that account then
    format     TEXT COLLATE "C" NOT NULL CHECK (format IN ('csv', 'zip')),
    filter     TEXT COLLATE "C" NOT NULL,    -- JSON
    state      TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'ready', 'failed', 'expired')),
    error      TEXT COLLATE "C" NOT NULL DEFAULT '',
    run        BIGINT NOT NULL DEFAULT 0, -- how often it was begun; only the last one may add to it
    scans      BIGINT NOT NULL DEFAULT 0,
    size       BIGINT NOT NULL DEFAULT 0, -- bytes
    sha256     TEXT COLLATE "C" NOT NULL DEFAULT '',
    simulated  BOOLEAN NOT NULL DEFAULT FALSE, -- one of its scans is
    finished   BIGINT,
    expires    BIGINT
);
CREATE INDEX exports_created_by ON exports(created_by, seq);

-- The scans that are in it.
CREATE TABLE export_scans (
    export_id TEXT COLLATE "C" NOT NULL REFERENCES exports(id),
    scan_id   TEXT COLLATE "C" NOT NULL REFERENCES scans(id),
    PRIMARY KEY (export_id, scan_id)
);
CREATE INDEX export_scans_scan ON export_scans(scan_id);

-- Its bytes, one after the other, encrypted as those of files are.
CREATE TABLE export_parts (
    id        TEXT COLLATE "C" PRIMARY KEY, -- of the export, and the number of the part
    export_id TEXT COLLATE "C" NOT NULL REFERENCES exports(id),
    n         BIGINT NOT NULL,
    data      BYTEA NOT NULL,
    data_key  TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX export_parts_n ON export_parts(export_id, n);
CREATE INDEX export_parts_key ON export_parts(data_key);
CREATE TRIGGER export_parts_encrypted BEFORE INSERT ON export_parts FOR EACH ROW WHEN (NEW.data_key = '') EXECUTE FUNCTION fentrace_encrypted();

-- Who has a file asks for its scans, for thousands of files one after the other.
CREATE INDEX scans_sha256 ON scans(sha256);

-- +goose Down
DROP INDEX scans_sha256;
DROP TABLE export_parts;
DROP TABLE export_scans;
DROP TABLE exports;
