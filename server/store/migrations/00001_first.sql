-- +goose Up
CREATE TABLE users (
    name          TEXT PRIMARY KEY,
    role          TEXT NOT NULL,
    password_hash TEXT NOT NULL DEFAULT '',   -- argon2id in PHC form; empty: no password log-in
    created       INTEGER NOT NULL            -- all times: microseconds since 1970, UTC
);

-- Codes, sessions and tokens are kept as SHA-256 only: a stolen copy of this file opens nothing.
CREATE TABLE login_codes (
    hash    BLOB PRIMARY KEY,
    user    TEXT NOT NULL REFERENCES users(name),
    expires INTEGER NOT NULL
);
CREATE TABLE sessions (
    hash    BLOB PRIMARY KEY,
    user    TEXT NOT NULL REFERENCES users(name),
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
);
CREATE INDEX sessions_user ON sessions(user);
CREATE TABLE tokens (
    id      TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    user    TEXT NOT NULL REFERENCES users(name),
    hash    BLOB NOT NULL UNIQUE,
    created INTEGER NOT NULL
);
CREATE INDEX tokens_user ON tokens(user);

-- The bytes as they came, once per content.
CREATE TABLE files (
    sha256  TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    size    INTEGER NOT NULL,
    created INTEGER NOT NULL,
    raw     BLOB NOT NULL
);

CREATE TABLE scans (
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
    identification TEXT NOT NULL,  -- JSON
    spectrum       BLOB NOT NULL,  -- JSON; last, so that lists never read its pages
    UNIQUE (sha256, spectrum_index)
);
CREATE INDEX scans_acquired ON scans(acquired DESC, id DESC);
CREATE INDEX scans_place ON scans(state, county, acquired);

-- What verdicts rest on, for filters and analytics; candidates stay in scans.identification.
CREATE TABLE findings (
    scan_id     TEXT NOT NULL REFERENCES scans(id),
    rank        INTEGER NOT NULL,
    substance   TEXT NOT NULL,
    class       TEXT NOT NULL,
    controlled  INTEGER NOT NULL,
    tier        TEXT NOT NULL,
    probability REAL NOT NULL,
    PRIMARY KEY (scan_id, rank)
) WITHOUT ROWID;
CREATE INDEX findings_substance ON findings(substance COLLATE NOCASE, scan_id);
CREATE INDEX findings_class ON findings(class COLLATE NOCASE, scan_id);

-- +goose Down
DROP TABLE findings;
DROP TABLE scans;
DROP TABLE files;
DROP TABLE tokens;
DROP TABLE sessions;
DROP TABLE login_codes;
DROP TABLE users;
