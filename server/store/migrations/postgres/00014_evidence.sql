-- +goose Up
-- Which key files.raw and scans.spectrum are encrypted with; empty: they are not; 'erased': there is nothing left.
ALTER TABLE files ADD COLUMN raw_key TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE scans ADD COLUMN spectrum_key TEXT COLLATE "C" NOT NULL DEFAULT '';

CREATE INDEX files_raw_key ON files(raw_key);
CREATE INDEX scans_spectrum_key ON scans(spectrum_key);

-- The keys this database was ever used with, by their ids. Of the keys themselves nothing is kept.
CREATE TABLE encryption_keys (
    id      TEXT COLLATE "C" PRIMARY KEY,
    noted   BIGINT NOT NULL,
    retired BIGINT -- since then nothing is encrypted with it
);

-- Once there is a key nothing is stored plain, by no program. Erased rows are emptied, not inserted.
-- +goose StatementBegin
CREATE FUNCTION fentrace_encrypted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM encryption_keys) THEN
        RAISE EXCEPTION 'this database is encrypted';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER files_encrypted BEFORE INSERT ON files FOR EACH ROW WHEN (NEW.raw_key = '') EXECUTE FUNCTION fentrace_encrypted();
CREATE TRIGGER scans_encrypted BEFORE INSERT ON scans FOR EACH ROW WHEN (NEW.spectrum_key = '') EXECUTE FUNCTION fentrace_encrypted();

-- Who was given what, and why: one row for each scan of what left. Rows are never changed.
CREATE TABLE disseminations (
    seq         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          TEXT COLLATE "C" NOT NULL UNIQUE,
    release     TEXT COLLATE "C" NOT NULL,    -- the same for all scans that left together
    at          BIGINT NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL,    -- evidence, stix, report
    scan_id     TEXT COLLATE "C" NOT NULL REFERENCES scans(id),
    sha256      TEXT COLLATE "C" NOT NULL,    -- of the bytes that left
    recipient   TEXT COLLATE "C" NOT NULL,
    reason      TEXT COLLATE "C" NOT NULL,
    released_by TEXT COLLATE "C" NOT NULL,
    agency      TEXT COLLATE "C" NOT NULL,    -- of the scan
    tlp         BIGINT NOT NULL               -- of the scan when it left
);
CREATE INDEX disseminations_scan ON disseminations(scan_id, seq);

-- Why scans must not be erased. A row is changed once, when the hold is released.
CREATE TABLE holds (
    seq         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          TEXT COLLATE "C" NOT NULL UNIQUE,
    scan_id     TEXT COLLATE "C" NOT NULL REFERENCES scans(id),
    reason      TEXT COLLATE "C" NOT NULL,
    set_by      TEXT COLLATE "C" NOT NULL,
    set_at      BIGINT NOT NULL,
    released_by TEXT COLLATE "C" NOT NULL DEFAULT '',
    released_at BIGINT,
    release_why TEXT COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX holds_scan ON holds(scan_id, seq);
CREATE UNIQUE INDEX holds_standing ON holds(scan_id) WHERE released_at IS NULL;

-- Scans whose bytes, spectrum and findings were erased under a policy; the rest of their rows is the tombstone.
CREATE TABLE erasures (
    scan_id   TEXT COLLATE "C" PRIMARY KEY REFERENCES scans(id),
    sha256    TEXT COLLATE "C" NOT NULL, -- of the bytes that were erased
    erased    BIGINT NOT NULL,
    policy    TEXT COLLATE "C" NOT NULL,
    erased_by TEXT COLLATE "C" NOT NULL
);

CREATE TRIGGER disseminations_keep BEFORE UPDATE OR DELETE ON disseminations
    FOR EACH ROW EXECUTE FUNCTION fentrace_refuse('disseminations');
CREATE TRIGGER holds_keep BEFORE UPDATE ON holds
    FOR EACH ROW WHEN (OLD.released_at IS NOT NULL OR NEW.reason <> OLD.reason OR NEW.scan_id <> OLD.scan_id) EXECUTE FUNCTION fentrace_refuse('holds');
CREATE TRIGGER holds_stay BEFORE DELETE ON holds
    FOR EACH ROW EXECUTE FUNCTION fentrace_refuse('holds');
CREATE TRIGGER erasures_keep BEFORE UPDATE OR DELETE ON erasures
    FOR EACH ROW EXECUTE FUNCTION fentrace_refuse('erasures');

-- +goose Down
-- What is encrypted cannot be read by the version before: it is not taken back.
-- +goose StatementBegin
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM encryption_keys) THEN
        RAISE EXCEPTION 'this database is encrypted';
    END IF;
END $$;
-- +goose StatementEnd
DROP TABLE erasures;
DROP TABLE holds;
DROP TABLE disseminations;
DROP TRIGGER scans_encrypted ON scans;
DROP TRIGGER files_encrypted ON files;
DROP FUNCTION fentrace_encrypted;
DROP TABLE encryption_keys;
DROP INDEX scans_spectrum_key;
DROP INDEX files_raw_key;
ALTER TABLE scans DROP COLUMN spectrum_key;
ALTER TABLE files DROP COLUMN raw_key;
