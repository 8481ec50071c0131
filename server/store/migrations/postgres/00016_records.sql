-- +goose Up
-- Seizures and exhibits. A row is one version of one: the first is what was entered, an amendment adds the next with who, when and why. No
-- row is ever changed; the last one counts. Whose it is never changes, its marking may. All times: microseconds since 1970, UTC.
CREATE TABLE seizures (
    seq         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          TEXT COLLATE "C" NOT NULL,
    version     BIGINT NOT NULL CHECK (version >= 1),
    agency      TEXT COLLATE "C" NOT NULL REFERENCES agencies(id),
    tlp         BIGINT NOT NULL CHECK (tlp BETWEEN 0 AND 4),
    case_number TEXT COLLATE "C" NOT NULL,
    seized      BIGINT NOT NULL,
    latitude    DOUBLE PRECISION,
    longitude   DOUBLE PRECISION,
    precision_m DOUBLE PRECISION,
    county      TEXT COLLATE "C" NOT NULL,
    state       TEXT COLLATE "C" NOT NULL,
    fips        TEXT COLLATE "C" NOT NULL,
    officer     TEXT COLLATE "C" NOT NULL,
    note        TEXT COLLATE "C" NOT NULL,
    simulated   BOOLEAN NOT NULL,
    changed_by  TEXT COLLATE "C" NOT NULL, -- an account, or a part of the program
    changed     BIGINT NOT NULL,
    reason      TEXT COLLATE "C" NOT NULL, -- of the amendment; empty for the first version
    UNIQUE (id, version),
    CHECK ((version = 1) = (reason = ''))
);
CREATE INDEX seizures_seized ON seizures(seized DESC, id DESC);
CREATE VIEW current_seizures AS SELECT * FROM seizures z
    WHERE NOT EXISTS (SELECT 1 FROM seizures later WHERE later.id = z.id AND later.version > z.version);

CREATE TABLE exhibits (
    seq         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          TEXT COLLATE "C" NOT NULL,
    version     BIGINT NOT NULL CHECK (version >= 1),
    seizure_id  TEXT COLLATE "C" NOT NULL, -- the same in all versions
    agency      TEXT COLLATE "C" NOT NULL REFERENCES agencies(id),
    tlp         BIGINT NOT NULL CHECK (tlp BETWEEN 0 AND 4),
    label       TEXT COLLATE "C" NOT NULL,
    form        TEXT COLLATE "C" NOT NULL,
    quantity    DOUBLE PRECISION,          -- NULL: not known
    unit        TEXT COLLATE "C" NOT NULL,
    uncertainty DOUBLE PRECISION,          -- in the unit of the quantity
    packaging   TEXT COLLATE "C" NOT NULL,
    expected_as TEXT COLLATE "C" NOT NULL, -- what it was sold or declared as
    taken       BIGINT NOT NULL,
    note        TEXT COLLATE "C" NOT NULL,
    changed_by  TEXT COLLATE "C" NOT NULL,
    changed     BIGINT NOT NULL,
    reason      TEXT COLLATE "C" NOT NULL,
    UNIQUE (id, version),
    CHECK ((version = 1) = (reason = ''))
);
CREATE INDEX exhibits_seizure ON exhibits(seizure_id, id, version);
CREATE INDEX exhibits_taken ON exhibits(taken DESC, id DESC);
CREATE VIEW current_exhibits AS SELECT * FROM exhibits x
    WHERE NOT EXISTS (SELECT 1 FROM exhibits later WHERE later.id = x.id AND later.version > x.version);

-- Who brought a scan, and which exhibit it is of now. It is not in the table of scans because what comes after their spectra is slow to read.
-- Scans of before have no row.
CREATE TABLE scan_entries (
    scan_id    TEXT COLLATE "C" PRIMARY KEY REFERENCES scans(id),
    entered_by TEXT COLLATE "C" NOT NULL,
    exhibit_id TEXT COLLATE "C" NOT NULL -- empty: none
);
CREATE INDEX scan_entries_exhibit ON scan_entries(exhibit_id) WHERE exhibit_id <> '';

-- The circumstances of scans that were amended: the first version is what was stated when the scan came. A scan that was never amended has
-- no row; the table of scans holds the last version, so that every list, map and report follows it.
CREATE TABLE scan_versions (
    seq         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scan_id     TEXT COLLATE "C" NOT NULL REFERENCES scans(id),
    version     BIGINT NOT NULL CHECK (version >= 1),
    tlp         BIGINT NOT NULL CHECK (tlp BETWEEN 0 AND 4),
    latitude    DOUBLE PRECISION,
    longitude   DOUBLE PRECISION,
    precision_m DOUBLE PRECISION,
    county      TEXT COLLATE "C" NOT NULL,
    state       TEXT COLLATE "C" NOT NULL,
    fips        TEXT COLLATE "C" NOT NULL,
    case_number TEXT COLLATE "C" NOT NULL,
    exhibit     TEXT COLLATE "C" NOT NULL,
    exhibit_id  TEXT COLLATE "C" NOT NULL,
    officer     TEXT COLLATE "C" NOT NULL,
    changed_by  TEXT COLLATE "C" NOT NULL, -- of the first version: who brought the scan, empty when that was not noted
    changed     BIGINT NOT NULL,
    reason      TEXT COLLATE "C" NOT NULL,
    UNIQUE (scan_id, version),
    CHECK ((version = 1) = (reason = ''))
);

-- What a second person said of a presumptive answer (result_id is empty) or of a laboratory result.
CREATE TABLE reviews (
    seq         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          TEXT COLLATE "C" NOT NULL UNIQUE,
    scan_id     TEXT COLLATE "C" NOT NULL REFERENCES scans(id),
    result_id   TEXT COLLATE "C" NOT NULL,
    opinion     TEXT COLLATE "C" NOT NULL CHECK (opinion IN ('agree', 'disagree', 'needs_laboratory')),
    reason      TEXT COLLATE "C" NOT NULL,
    alone       BOOLEAN NOT NULL, -- by the person who entered it, because there was no second one
    reviewed_by TEXT COLLATE "C" NOT NULL,
    reviewed    BIGINT NOT NULL
);
CREATE INDEX reviews_scan ON reviews(scan_id, result_id, seq);

-- How a laboratory worked. It is not in the table of results because what that holds is bound to the log as it is.
CREATE TABLE laboratory_work (
    result_id     TEXT COLLATE "C" PRIMARY KEY REFERENCES laboratory_results(id),
    methods       TEXT COLLATE "C" NOT NULL, -- JSON
    analyst       TEXT COLLATE "C" NOT NULL,
    report_number TEXT COLLATE "C" NOT NULL
);

-- The laboratory's report on a result, as a file: at most one, and never another.
CREATE TABLE laboratory_reports (
    result_id TEXT COLLATE "C" PRIMARY KEY REFERENCES laboratory_results(id),
    sha256    TEXT COLLATE "C" NOT NULL REFERENCES files(sha256),
    name      TEXT COLLATE "C" NOT NULL,
    size      BIGINT NOT NULL,
    added_by  TEXT COLLATE "C" NOT NULL,
    added     BIGINT NOT NULL
);

-- The Idempotency-Keys of requests that made a record.
CREATE TABLE record_keys (
    "user"  TEXT COLLATE "C" NOT NULL,
    key     TEXT COLLATE "C" NOT NULL,
    id      TEXT COLLATE "C" NOT NULL,
    digest  TEXT COLLATE "C" NOT NULL, -- SHA-256 of what was asked for
    created BIGINT NOT NULL,
    PRIMARY KEY ("user", key)
);

CREATE TRIGGER seizures_keep BEFORE UPDATE OR DELETE ON seizures
    FOR EACH ROW EXECUTE FUNCTION fentrace_refuse('versions of seizures');
CREATE TRIGGER seizures_stay BEFORE TRUNCATE ON seizures
    FOR EACH STATEMENT EXECUTE FUNCTION fentrace_refuse('versions of seizures');
CREATE TRIGGER exhibits_keep BEFORE UPDATE OR DELETE ON exhibits
    FOR EACH ROW EXECUTE FUNCTION fentrace_refuse('versions of exhibits');
CREATE TRIGGER exhibits_stay BEFORE TRUNCATE ON exhibits
    FOR EACH STATEMENT EXECUTE FUNCTION fentrace_refuse('versions of exhibits');
CREATE TRIGGER scan_versions_keep BEFORE UPDATE ON scan_versions
    FOR EACH ROW EXECUTE FUNCTION fentrace_refuse('versions of scans');
-- Those of a scan that is erased go with it.
-- +goose StatementBegin
CREATE FUNCTION fentrace_erased_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM erasures WHERE scan_id = OLD.scan_id) THEN
        RAISE EXCEPTION 'versions of scans are never deleted';
    END IF;
    RETURN OLD;
END $$;
-- +goose StatementEnd
CREATE TRIGGER scan_versions_kept BEFORE DELETE ON scan_versions
    FOR EACH ROW EXECUTE FUNCTION fentrace_erased_only();
CREATE TRIGGER scan_versions_stay BEFORE TRUNCATE ON scan_versions
    FOR EACH STATEMENT EXECUTE FUNCTION fentrace_refuse('versions of scans');
CREATE TRIGGER reviews_keep BEFORE UPDATE OR DELETE ON reviews
    FOR EACH ROW EXECUTE FUNCTION fentrace_refuse('reviews');
CREATE TRIGGER reviews_stay BEFORE TRUNCATE ON reviews
    FOR EACH STATEMENT EXECUTE FUNCTION fentrace_refuse('reviews');
CREATE TRIGGER laboratory_reports_keep BEFORE UPDATE OR DELETE ON laboratory_reports
    FOR EACH ROW EXECUTE FUNCTION fentrace_refuse('laboratory reports');
CREATE TRIGGER laboratory_reports_stay BEFORE TRUNCATE ON laboratory_reports
    FOR EACH STATEMENT EXECUTE FUNCTION fentrace_refuse('laboratory reports');
CREATE TRIGGER laboratory_work_keep BEFORE UPDATE OR DELETE ON laboratory_work
    FOR EACH ROW EXECUTE FUNCTION fentrace_refuse('laboratory results');
CREATE TRIGGER laboratory_work_stay BEFORE TRUNCATE ON laboratory_work
    FOR EACH STATEMENT EXECUTE FUNCTION fentrace_refuse('laboratory results');
-- The circumstances of a scan change only to what its last version says, and when it is erased.
-- +goose StatementBegin
CREATE FUNCTION fentrace_amended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.spectrum_key <> 'erased' AND NOT EXISTS (SELECT 1 FROM scan_versions v WHERE v.scan_id = NEW.id AND NOT EXISTS (SELECT 1 FROM scan_versions l WHERE l.scan_id = v.scan_id AND l.version > v.version)
        AND (v.latitude, v.longitude, v.precision_m, v.county, v.state, v.fips, v.case_number, v.exhibit, v.officer) IS NOT DISTINCT FROM
            (NEW.latitude, NEW.longitude, NEW.precision_m, NEW.county, NEW.state, NEW.fips, NEW.case_number, NEW.exhibit, NEW.officer)) THEN
        RAISE EXCEPTION 'circumstances of scans are never changed without an amendment';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER scans_amended BEFORE UPDATE OF latitude, longitude, precision_m, county, state, fips, case_number, exhibit, officer ON scans
    FOR EACH ROW EXECUTE FUNCTION fentrace_amended();

-- +goose Down
DROP TRIGGER scans_amended ON scans;
DROP FUNCTION fentrace_amended;
DROP TABLE record_keys;
DROP TABLE laboratory_reports;
DROP TABLE laboratory_work;
DROP TABLE reviews;
DROP TABLE scan_versions;
DROP FUNCTION fentrace_erased_only;
DROP TABLE scan_entries;
DROP VIEW current_exhibits;
DROP TABLE exhibits;
DROP VIEW current_seizures;
DROP TABLE seizures;
