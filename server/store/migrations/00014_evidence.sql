-- +goose Up
-- Which key files.raw and scans.spectrum are encrypted with; empty: they are not; 'erased': there is nothing left.
ALTER TABLE files ADD COLUMN raw_key TEXT NOT NULL DEFAULT '';
ALTER TABLE scans ADD COLUMN spectrum_key TEXT NOT NULL DEFAULT '';

CREATE INDEX files_raw_key ON files(raw_key);
CREATE INDEX scans_spectrum_key ON scans(spectrum_key);

-- The keys this database was ever used with, by their ids. Of the keys themselves nothing is kept.
CREATE TABLE encryption_keys (
    id      TEXT PRIMARY KEY,
    noted   INTEGER NOT NULL,
    retired INTEGER -- since then nothing is encrypted with it
);

-- Once there is a key nothing is stored plain, by no program. Erased rows are emptied, not inserted.
-- +goose StatementBegin
CREATE TRIGGER files_encrypted BEFORE INSERT ON files WHEN NEW.raw_key = '' AND EXISTS (SELECT 1 FROM encryption_keys)
BEGIN SELECT RAISE(ABORT, 'this database is encrypted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER scans_encrypted BEFORE INSERT ON scans WHEN NEW.spectrum_key = '' AND EXISTS (SELECT 1 FROM encryption_keys)
BEGIN SELECT RAISE(ABORT, 'this database is encrypted'); END;
-- +goose StatementEnd

-- Who was given what, and why: one row for each scan of what left. Rows are never changed.
CREATE TABLE disseminations (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    release     TEXT NOT NULL,    -- the same for all scans that left together
    at          INTEGER NOT NULL,
    kind        TEXT NOT NULL,    -- evidence, stix, report
    scan_id     TEXT NOT NULL REFERENCES scans(id),
    sha256      TEXT NOT NULL,    -- of the bytes that left
    recipient   TEXT NOT NULL,
    reason      TEXT NOT NULL,
    released_by TEXT NOT NULL,
    agency      TEXT NOT NULL,    -- of the scan
    tlp         INTEGER NOT NULL  -- of the scan when it left
);
CREATE INDEX disseminations_scan ON disseminations(scan_id, seq);

-- Why scans must not be erased. A row is changed once, when the hold is released.
CREATE TABLE holds (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    scan_id     TEXT NOT NULL REFERENCES scans(id),
    reason      TEXT NOT NULL,
    set_by      TEXT NOT NULL,
    set_at      INTEGER NOT NULL,
    released_by TEXT NOT NULL DEFAULT '',
    released_at INTEGER,
    release_why TEXT NOT NULL DEFAULT ''
);
CREATE INDEX holds_scan ON holds(scan_id, seq);
CREATE UNIQUE INDEX holds_standing ON holds(scan_id) WHERE released_at IS NULL;

-- Scans whose bytes, spectrum and findings were erased under a policy; the rest of their rows is the tombstone.
CREATE TABLE erasures (
    scan_id   TEXT PRIMARY KEY REFERENCES scans(id),
    sha256    TEXT NOT NULL, -- of the bytes that were erased
    erased    INTEGER NOT NULL,
    policy    TEXT NOT NULL,
    erased_by TEXT NOT NULL
) WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER disseminations_keep BEFORE UPDATE ON disseminations
BEGIN SELECT RAISE(ABORT, 'disseminations are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER disseminations_stay BEFORE DELETE ON disseminations
BEGIN SELECT RAISE(ABORT, 'disseminations are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER holds_keep BEFORE UPDATE ON holds WHEN OLD.released_at IS NOT NULL OR NEW.reason <> OLD.reason OR NEW.scan_id <> OLD.scan_id
BEGIN SELECT RAISE(ABORT, 'holds are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER holds_stay BEFORE DELETE ON holds
BEGIN SELECT RAISE(ABORT, 'holds are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER erasures_keep BEFORE UPDATE ON erasures
BEGIN SELECT RAISE(ABORT, 'erasures are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER erasures_stay BEFORE DELETE ON erasures
BEGIN SELECT RAISE(ABORT, 'erasures are never deleted'); END;
-- +goose StatementEnd

-- +goose Down
-- What is encrypted cannot be read by the version before: it is not taken back.
-- +goose StatementBegin
CREATE TEMP TRIGGER encrypted_stays BEFORE DELETE ON encryption_keys
BEGIN SELECT RAISE(ABORT, 'this database is encrypted'); END;
-- +goose StatementEnd
DELETE FROM encryption_keys;
DROP TRIGGER encrypted_stays;
DROP TABLE erasures;
DROP TABLE holds;
DROP TABLE disseminations;
DROP TRIGGER scans_encrypted;
DROP TRIGGER files_encrypted;
DROP TABLE encryption_keys;
DROP INDEX scans_spectrum_key;
DROP INDEX files_raw_key;
ALTER TABLE scans DROP COLUMN spectrum_key;
ALTER TABLE files DROP COLUMN raw_key;
