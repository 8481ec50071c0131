-- +goose Up
-- Whose a record is, how it is marked, and with whom it is shared. Ranks of the Traffic Light Protocol: 0 clear, 1 green, 2 amber,
-- 3 amber+strict, 4 red. Foreign keys are off meanwhile (see dialect.rebuilding).
CREATE TABLE agencies (
    id      TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    contact TEXT NOT NULL,    -- whom another agency may ask
    created INTEGER NOT NULL
);
INSERT INTO agencies (id, name, contact, created) VALUES ('local', 'Local', '', CAST(strftime('%s', 'now') AS INTEGER) * 1000000);

ALTER TABLE users ADD COLUMN agency TEXT NOT NULL DEFAULT 'local' REFERENCES agencies(id);
ALTER TABLE users ADD COLUMN clearance INTEGER NOT NULL DEFAULT 4; -- the strictest marking the account may see
ALTER TABLE users ADD COLUMN locked INTEGER;                       -- since when it opens nothing; NULL: it does

-- What one agency lets another see of what is marked up to a rank. A row is revoked, never changed or deleted.
CREATE TABLE shares (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    from_agency TEXT NOT NULL REFERENCES agencies(id),
    to_agency   TEXT NOT NULL REFERENCES agencies(id),
    tlp         INTEGER NOT NULL CHECK (tlp BETWEEN 0 AND 2), -- amber+strict and red never leave their agency
    aggregates  INTEGER NOT NULL,  -- counts only, never records
    granted_by  TEXT NOT NULL,
    granted     INTEGER NOT NULL,
    revoked_by  TEXT,
    revoked     INTEGER,
    CHECK (from_agency <> to_agency)
);
CREATE INDEX shares_open ON shares(to_agency, from_agency) WHERE revoked IS NULL;
-- +goose StatementBegin
CREATE TRIGGER shares_keep BEFORE UPDATE ON shares
WHEN OLD.revoked IS NOT NULL OR NEW.revoked IS NULL OR (NEW.id, NEW.from_agency, NEW.to_agency, NEW.tlp, NEW.aggregates, NEW.granted_by, NEW.granted)
    IS NOT (OLD.id, OLD.from_agency, OLD.to_agency, OLD.tlp, OLD.aggregates, OLD.granted_by, OLD.granted)
BEGIN SELECT RAISE(ABORT, 'shares are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER shares_stay BEFORE DELETE ON shares
BEGIN SELECT RAISE(ABORT, 'shares are never deleted'); END;
-- +goose StatementEnd

-- Two agencies may hold the same file, each under a name of its own. Its bytes are stored once.
CREATE TABLE holdings (
    agency  TEXT NOT NULL REFERENCES agencies(id),
    sha256  TEXT NOT NULL REFERENCES files(sha256),
    name    TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (agency, sha256)
) WITHOUT ROWID;
INSERT INTO holdings (agency, sha256, name, created) SELECT 'local', sha256, name, created FROM files;

CREATE TABLE scans_new (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT, -- order of storing; the id of live events
    id             TEXT NOT NULL UNIQUE,
    sha256         TEXT NOT NULL REFERENCES files(sha256),
    spectrum_index INTEGER NOT NULL,
    filename       TEXT NOT NULL,
    created        INTEGER NOT NULL,
    acquired       INTEGER NOT NULL,
    technique      TEXT NOT NULL,
    simulated      INTEGER NOT NULL,
    device_type    TEXT NOT NULL DEFAULT '',
    device_model   TEXT NOT NULL DEFAULT '',
    device_serial  TEXT NOT NULL DEFAULT '',
    latitude       REAL,
    longitude      REAL,
    precision_m    REAL,
    county         TEXT NOT NULL DEFAULT '',
    state          TEXT NOT NULL DEFAULT '',
    fips           TEXT NOT NULL DEFAULT '',
    case_number    TEXT NOT NULL DEFAULT '',
    exhibit        TEXT NOT NULL DEFAULT '',
    officer        TEXT NOT NULL DEFAULT '',
    verdict        TEXT NOT NULL,
    headline       TEXT NOT NULL,
    summary        TEXT NOT NULL,
    agency         TEXT NOT NULL DEFAULT 'local' REFERENCES agencies(id),
    tlp            INTEGER NOT NULL DEFAULT 2 CHECK (tlp BETWEEN 0 AND 4),
    identification TEXT NOT NULL,  -- JSON
    spectrum       BLOB NOT NULL,  -- JSON; last, so that lists never read its pages
    UNIQUE (agency, sha256, spectrum_index)
);
INSERT INTO scans_new (seq, id, sha256, spectrum_index, filename, created, acquired, technique, simulated, device_type, device_model, device_serial,
    latitude, longitude, precision_m, county, state, fips, case_number, exhibit, officer, verdict, headline, summary, identification, spectrum)
SELECT seq, id, sha256, spectrum_index, filename, created, acquired, technique, simulated, device_type, device_model, device_serial,
    latitude, longitude, precision_m, county, state, fips, case_number, exhibit, officer, verdict, headline, summary, identification, spectrum
FROM scans ORDER BY seq;
DROP TABLE scans;
ALTER TABLE scans_new RENAME TO scans;
-- Whether one may see a row is known from the index: what one may not see is passed over without being read.
CREATE INDEX scans_acquired ON scans(acquired DESC, id DESC, agency, tlp);
CREATE INDEX scans_place ON scans(state, county, acquired);

CREATE TABLE field_answers_new (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT, -- the order in which they were given; clocks there may be wrong
    agency         TEXT NOT NULL DEFAULT 'local' REFERENCES agencies(id),
    sha256         TEXT NOT NULL REFERENCES files(sha256),
    spectrum_index INTEGER NOT NULL,
    scan_id        TEXT NOT NULL, -- there
    answer         TEXT NOT NULL, -- JSON as it came
    UNIQUE (agency, sha256, spectrum_index, scan_id)
);
INSERT INTO field_answers_new (seq, sha256, spectrum_index, scan_id, answer)
SELECT seq, sha256, spectrum_index, scan_id, answer FROM field_answers ORDER BY seq;
DROP TABLE field_answers;
ALTER TABLE field_answers_new RENAME TO field_answers;

CREATE TABLE outbox_new (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT, -- order of storing, and of sending
    agency   TEXT NOT NULL DEFAULT 'local' REFERENCES agencies(id),
    sha256   TEXT NOT NULL REFERENCES files(sha256),
    key      TEXT NOT NULL UNIQUE,              -- the Idempotency-Key of every attempt
    attempts INTEGER NOT NULL DEFAULT 0,
    tried    INTEGER,                           -- when the last attempt ended
    error    TEXT NOT NULL DEFAULT '',          -- why it did; empty once sent
    parked   INTEGER,                           -- refused for good at this time: it is not tried again by itself
    sent     INTEGER,                           -- the other server has stored it at the latest at this time
    sent_to  TEXT NOT NULL DEFAULT '',          -- its address
    sent_id  TEXT NOT NULL DEFAULT '',          -- the scan's id there
    UNIQUE (agency, sha256)
);
INSERT INTO outbox_new (seq, sha256, key, attempts, tried, error, parked, sent, sent_to, sent_id)
SELECT seq, sha256, key, attempts, tried, error, parked, sent, sent_to, sent_id FROM outbox ORDER BY seq;
DROP TABLE outbox;
ALTER TABLE outbox_new RENAME TO outbox;
CREATE INDEX outbox_open ON outbox(seq) WHERE sent IS NULL;
CREATE INDEX outbox_sent ON outbox(sent);

-- An alert says what is news to who may see everything of its agency that is marked up to its rank: agency and rank are its own.
CREATE TABLE alerts_new (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT NOT NULL UNIQUE,
    agency       TEXT NOT NULL DEFAULT 'local' REFERENCES agencies(id),
    tlp          INTEGER NOT NULL DEFAULT 2,
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
    UNIQUE (tlp, substance, county, state, fips, simulated, scan_id)
);
INSERT INTO alerts_new (seq, id, created, substance, reference_id, scan_id, county, state, fips, simulated, first_seen, seen_before)
SELECT seq, id, created, substance, reference_id, scan_id, county, state, fips, simulated, first_seen, seen_before FROM alerts ORDER BY seq;
-- Who has read an alert first, in each agency that sees it.
CREATE TABLE alert_reads (
    alert_id TEXT NOT NULL REFERENCES alerts(id),
    agency   TEXT NOT NULL REFERENCES agencies(id),
    read_by  TEXT NOT NULL,
    read     INTEGER NOT NULL,
    PRIMARY KEY (alert_id, agency)
) WITHOUT ROWID;
INSERT INTO alert_reads (alert_id, agency, read_by, read) SELECT id, 'local', coalesce(read_by, ''), read FROM alerts WHERE read IS NOT NULL;
DROP TABLE alerts;
ALTER TABLE alerts_new RENAME TO alerts;
CREATE INDEX alerts_scan ON alerts(scan_id);

-- Of look-backs and comparisons, how many scans of each agency and rank they are about: who asks is told the sum of what may be seen.
CREATE TABLE rescreen_counts (
    rescreen_id TEXT NOT NULL REFERENCES rescreens(id),
    agency      TEXT NOT NULL,
    tlp         INTEGER NOT NULL,
    screened    INTEGER NOT NULL DEFAULT 0,
    total       INTEGER NOT NULL DEFAULT 0,
    done        INTEGER NOT NULL DEFAULT 0,
    reused      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (rescreen_id, agency, tlp)
) WITHOUT ROWID;
INSERT INTO rescreen_counts (rescreen_id, agency, tlp, screened, total, done, reused) SELECT id, 'local', 2, screened, total, done, reused FROM rescreens;
CREATE TABLE change_counts (
    change_seq INTEGER NOT NULL REFERENCES library_changes(seq),
    agency     TEXT NOT NULL,
    tlp        INTEGER NOT NULL,
    total      INTEGER NOT NULL DEFAULT 0,
    left_out   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (change_seq, agency, tlp)
) WITHOUT ROWID;
INSERT INTO change_counts (change_seq, agency, tlp, total, left_out) SELECT seq, 'local', 2, total, left_out FROM library_changes;

-- +goose Down
-- There is no way back that keeps what each agency may see: restore a backup made before.
-- +goose StatementBegin
SELECT fentrace_cannot_forget_agencies();
-- +goose StatementEnd
