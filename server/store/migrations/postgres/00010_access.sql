-- +goose Up
-- What each is for is said in the SQLite migration of the same number.
CREATE TABLE agencies (
    id      TEXT COLLATE "C" PRIMARY KEY,
    name    TEXT COLLATE "C" NOT NULL,
    contact TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL
);
INSERT INTO agencies (id, name, contact, created) VALUES ('local', 'Local', '', CAST(extract(epoch FROM now()) AS BIGINT) * 1000000);

ALTER TABLE users ADD COLUMN agency TEXT COLLATE "C" NOT NULL DEFAULT 'local' REFERENCES agencies(id),
    ADD COLUMN clearance BIGINT NOT NULL DEFAULT 4,
    ADD COLUMN locked BIGINT;

CREATE TABLE shares (
    seq         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          TEXT COLLATE "C" NOT NULL UNIQUE,
    from_agency TEXT COLLATE "C" NOT NULL REFERENCES agencies(id),
    to_agency   TEXT COLLATE "C" NOT NULL REFERENCES agencies(id),
    tlp         BIGINT NOT NULL CHECK (tlp BETWEEN 0 AND 2),
    aggregates  BOOLEAN NOT NULL,
    granted_by  TEXT COLLATE "C" NOT NULL,
    granted     BIGINT NOT NULL,
    revoked_by  TEXT COLLATE "C",
    revoked     BIGINT,
    CHECK (from_agency <> to_agency)
);
CREATE INDEX shares_open ON shares(to_agency, from_agency) WHERE revoked IS NULL;
CREATE TRIGGER shares_keep BEFORE UPDATE ON shares FOR EACH ROW
    WHEN (OLD.revoked IS NOT NULL OR NEW.revoked IS NULL OR (NEW.id, NEW.from_agency, NEW.to_agency, NEW.tlp, NEW.aggregates, NEW.granted_by, NEW.granted)
        IS DISTINCT FROM (OLD.id, OLD.from_agency, OLD.to_agency, OLD.tlp, OLD.aggregates, OLD.granted_by, OLD.granted))
    EXECUTE FUNCTION fentrace_refuse('shares');
CREATE TRIGGER shares_stay BEFORE DELETE ON shares FOR EACH ROW EXECUTE FUNCTION fentrace_refuse('shares');
CREATE TRIGGER shares_all_stay BEFORE TRUNCATE ON shares FOR EACH STATEMENT EXECUTE FUNCTION fentrace_refuse('shares');

CREATE TABLE holdings (
    agency  TEXT COLLATE "C" NOT NULL REFERENCES agencies(id),
    sha256  TEXT COLLATE "C" NOT NULL REFERENCES files(sha256),
    name    TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (agency, sha256)
);
INSERT INTO holdings (agency, sha256, name, created) SELECT 'local', sha256, name, created FROM files;

ALTER TABLE scans ADD COLUMN agency TEXT COLLATE "C" NOT NULL DEFAULT 'local' REFERENCES agencies(id),
    ADD COLUMN tlp BIGINT NOT NULL DEFAULT 2 CHECK (tlp BETWEEN 0 AND 4),
    DROP CONSTRAINT scans_sha256_spectrum_index_key,
    ADD UNIQUE (agency, sha256, spectrum_index);
DROP INDEX scans_acquired;
CREATE INDEX scans_acquired ON scans(acquired DESC, id DESC, agency, tlp);

ALTER TABLE field_answers ADD COLUMN agency TEXT COLLATE "C" NOT NULL DEFAULT 'local' REFERENCES agencies(id),
    DROP CONSTRAINT field_answers_sha256_spectrum_index_scan_id_key,
    ADD UNIQUE (agency, sha256, spectrum_index, scan_id);

ALTER TABLE outbox ADD COLUMN agency TEXT COLLATE "C" NOT NULL DEFAULT 'local' REFERENCES agencies(id),
    DROP CONSTRAINT outbox_sha256_key,
    ADD UNIQUE (agency, sha256);

ALTER TABLE alerts ADD COLUMN agency TEXT COLLATE "C" NOT NULL DEFAULT 'local' REFERENCES agencies(id),
    ADD COLUMN tlp BIGINT NOT NULL DEFAULT 2,
    DROP CONSTRAINT alerts_substance_county_state_fips_simulated_scan_id_key,
    ADD UNIQUE (tlp, substance, county, state, fips, simulated, scan_id);
CREATE TABLE alert_reads (
    alert_id TEXT COLLATE "C" NOT NULL REFERENCES alerts(id),
    agency   TEXT COLLATE "C" NOT NULL REFERENCES agencies(id),
    read_by  TEXT COLLATE "C" NOT NULL,
    read     BIGINT NOT NULL,
    PRIMARY KEY (alert_id, agency)
);
INSERT INTO alert_reads (alert_id, agency, read_by, read) SELECT id, 'local', coalesce(read_by, ''), read FROM alerts WHERE read IS NOT NULL;
ALTER TABLE alerts DROP COLUMN read_by, DROP COLUMN read;
CREATE INDEX alerts_scan ON alerts(scan_id);

CREATE TABLE rescreen_counts (
    rescreen_id TEXT COLLATE "C" NOT NULL REFERENCES rescreens(id),
    agency      TEXT COLLATE "C" NOT NULL,
    tlp         BIGINT NOT NULL,
    screened    BIGINT NOT NULL DEFAULT 0,
    total       BIGINT NOT NULL DEFAULT 0,
    done        BIGINT NOT NULL DEFAULT 0,
    reused      BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (rescreen_id, agency, tlp)
);
INSERT INTO rescreen_counts (rescreen_id, agency, tlp, screened, total, done, reused) SELECT id, 'local', 2, screened, total, done, reused FROM rescreens;
CREATE TABLE change_counts (
    change_seq BIGINT NOT NULL REFERENCES library_changes(seq),
    agency     TEXT COLLATE "C" NOT NULL,
    tlp        BIGINT NOT NULL,
    total      BIGINT NOT NULL DEFAULT 0,
    left_out   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (change_seq, agency, tlp)
);
INSERT INTO change_counts (change_seq, agency, tlp, total, left_out) SELECT seq, 'local', 2, total, left_out FROM library_changes;

-- +goose Down
-- There is no way back that keeps what each agency may see: restore a backup made before.
SELECT fentrace_cannot_forget_agencies();
