-- +goose Up
-- Seizures and exhibits. A row is one version of one: the first is what was entered, an amendment adds the next with who, when and why. No
-- row is ever changed; the last one counts. Whose it is never changes, its marking may. All times: microseconds since 1970, UTC.
CREATE TABLE seizures (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL,
    version     INTEGER NOT NULL CHECK (version >= 1),
    agency      TEXT NOT NULL REFERENCES agencies(id),
    tlp         INTEGER NOT NULL CHECK (tlp BETWEEN 0 AND 4),
    case_number TEXT NOT NULL,
    seized      INTEGER NOT NULL,
    latitude    REAL,
    longitude   REAL,
    precision_m REAL,
    county      TEXT NOT NULL,
    state       TEXT NOT NULL,
    fips        TEXT NOT NULL,
    officer     TEXT NOT NULL,
    note        TEXT NOT NULL,
    simulated   INTEGER NOT NULL,
    changed_by  TEXT NOT NULL, -- an account, or a part of the program
    changed     INTEGER NOT NULL,
    reason      TEXT NOT NULL, -- of the amendment; empty for the first version
    UNIQUE (id, version),
    CHECK ((version = 1) = (reason = ''))
);
CREATE INDEX seizures_seized ON seizures(seized DESC, id DESC);
CREATE VIEW current_seizures AS SELECT * FROM seizures z
    WHERE NOT EXISTS (SELECT 1 FROM seizures later WHERE later.id = z.id AND later.version > z.version);

CREATE TABLE exhibits (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL,
    version     INTEGER NOT NULL CHECK (version >= 1),
    seizure_id  TEXT NOT NULL, -- the same in all versions
    agency      TEXT NOT NULL REFERENCES agencies(id),
    tlp         INTEGER NOT NULL CHECK (tlp BETWEEN 0 AND 4),
    label       TEXT NOT NULL,
    form        TEXT NOT NULL,
    quantity    REAL,          -- NULL: not known
    unit        TEXT NOT NULL,
    uncertainty REAL,          -- in the unit of the quantity
    packaging   TEXT NOT NULL,
    expected_as TEXT NOT NULL, -- what it was sold or declared as
    taken       INTEGER NOT NULL,
    note        TEXT NOT NULL,
    changed_by  TEXT NOT NULL,
    changed     INTEGER NOT NULL,
    reason      TEXT NOT NULL,
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
    scan_id    TEXT PRIMARY KEY REFERENCES scans(id),
    entered_by TEXT NOT NULL,
    exhibit_id TEXT NOT NULL -- empty: none
) WITHOUT ROWID;
CREATE INDEX scan_entries_exhibit ON scan_entries(exhibit_id) WHERE exhibit_id <> '';

-- The circumstances of scans that were amended: the first version is what was stated when the scan came. A scan that was never amended has
-- no row; the table of scans holds the last version, so that every list, map and report follows it.
CREATE TABLE scan_versions (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    scan_id     TEXT NOT NULL REFERENCES scans(id),
    version     INTEGER NOT NULL CHECK (version >= 1),
    tlp         INTEGER NOT NULL CHECK (tlp BETWEEN 0 AND 4),
    latitude    REAL,
    longitude   REAL,
    precision_m REAL,
    county      TEXT NOT NULL,
    state       TEXT NOT NULL,
    fips        TEXT NOT NULL,
    case_number TEXT NOT NULL,
    exhibit     TEXT NOT NULL,
    exhibit_id  TEXT NOT NULL,
    officer     TEXT NOT NULL,
    changed_by  TEXT NOT NULL, -- of the first version: who brought the scan, empty when that was not noted
    changed     INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    UNIQUE (scan_id, version),
    CHECK ((version = 1) = (reason = ''))
);

-- What a second person said of a presumptive answer (result_id is empty) or of a laboratory result.
CREATE TABLE reviews (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    scan_id     TEXT NOT NULL REFERENCES scans(id),
    result_id   TEXT NOT NULL,
    opinion     TEXT NOT NULL CHECK (opinion IN ('agree', 'disagree', 'needs_laboratory')),
    reason      TEXT NOT NULL,
    alone       INTEGER NOT NULL, -- 1: by the person who entered it, because there was no second one
    reviewed_by TEXT NOT NULL,
    reviewed    INTEGER NOT NULL
);
CREATE INDEX reviews_scan ON reviews(scan_id, result_id, seq);

-- How a laboratory worked. It is not in the table of results because what that holds is bound to the log as it is.
CREATE TABLE laboratory_work (
    result_id     TEXT PRIMARY KEY REFERENCES laboratory_results(id),
    methods       TEXT NOT NULL, -- JSON
    analyst       TEXT NOT NULL,
    report_number TEXT NOT NULL
) WITHOUT ROWID;

-- The laboratory's report on a result, as a file: at most one, and never another.
CREATE TABLE laboratory_reports (
    result_id TEXT PRIMARY KEY REFERENCES laboratory_results(id),
    sha256    TEXT NOT NULL REFERENCES files(sha256),
    name      TEXT NOT NULL,
    size      INTEGER NOT NULL,
    added_by  TEXT NOT NULL,
    added     INTEGER NOT NULL
) WITHOUT ROWID;

-- The Idempotency-Keys of requests that made a record.
CREATE TABLE record_keys (
    "user"  TEXT NOT NULL,
    key     TEXT NOT NULL,
    id      TEXT NOT NULL,
    digest  TEXT NOT NULL, -- SHA-256 of what was asked for
    created INTEGER NOT NULL,
    PRIMARY KEY ("user", key)
) WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER seizures_keep BEFORE UPDATE ON seizures
BEGIN SELECT RAISE(ABORT, 'versions of seizures are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER seizures_stay BEFORE DELETE ON seizures
BEGIN SELECT RAISE(ABORT, 'versions of seizures are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER exhibits_keep BEFORE UPDATE ON exhibits
BEGIN SELECT RAISE(ABORT, 'versions of exhibits are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER exhibits_stay BEFORE DELETE ON exhibits
BEGIN SELECT RAISE(ABORT, 'versions of exhibits are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER scan_versions_keep BEFORE UPDATE ON scan_versions
BEGIN SELECT RAISE(ABORT, 'versions of scans are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER scan_versions_stay BEFORE DELETE ON scan_versions WHEN NOT EXISTS (SELECT 1 FROM erasures WHERE scan_id = OLD.scan_id)
BEGIN SELECT RAISE(ABORT, 'versions of scans are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER reviews_keep BEFORE UPDATE ON reviews
BEGIN SELECT RAISE(ABORT, 'reviews are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER reviews_stay BEFORE DELETE ON reviews
BEGIN SELECT RAISE(ABORT, 'reviews are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER laboratory_reports_keep BEFORE UPDATE ON laboratory_reports
BEGIN SELECT RAISE(ABORT, 'laboratory reports are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER laboratory_reports_stay BEFORE DELETE ON laboratory_reports
BEGIN SELECT RAISE(ABORT, 'laboratory reports are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER laboratory_work_keep BEFORE UPDATE ON laboratory_work
BEGIN SELECT RAISE(ABORT, 'laboratory results are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER laboratory_work_stay BEFORE DELETE ON laboratory_work
BEGIN SELECT RAISE(ABORT, 'laboratory results are never deleted'); END;
-- +goose StatementEnd
-- The circumstances of a scan change only to what its last version says, and when it is erased.
-- +goose StatementBegin
CREATE TRIGGER scans_amended BEFORE UPDATE OF latitude, longitude, precision_m, county, state, fips, case_number, exhibit, officer ON scans
WHEN NEW.spectrum_key <> 'erased' AND (NEW.latitude, NEW.longitude, NEW.precision_m, NEW.county, NEW.state, NEW.fips, NEW.case_number, NEW.exhibit, NEW.officer) IS NOT
    (SELECT latitude, longitude, precision_m, county, state, fips, case_number, exhibit, officer FROM scan_versions
     WHERE scan_id = NEW.id ORDER BY version DESC LIMIT 1)
BEGIN SELECT RAISE(ABORT, 'circumstances of scans are never changed without an amendment'); END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER scans_amended;
DROP TABLE record_keys;
DROP TABLE laboratory_reports;
DROP TABLE laboratory_work;
DROP TABLE reviews;
DROP TABLE scan_versions;
DROP TABLE scan_entries;
DROP VIEW current_exhibits;
DROP TABLE exhibits;
DROP VIEW current_seizures;
DROP TABLE seizures;
