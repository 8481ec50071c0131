-- +goose Up
-- The tables of the SQLite migrations up to 00005; what each is for is said there. Texts have the collation "C": they
-- compare byte by byte, and lower() changes A to Z only, as in SQLite.

-- Which database this is, for what is kept beside it and must not be used with another.
CREATE TABLE identity (id TEXT COLLATE "C" NOT NULL);
INSERT INTO identity (id) VALUES (gen_random_uuid());

CREATE TABLE users (
    name          TEXT COLLATE "C" PRIMARY KEY,
    role          TEXT COLLATE "C" NOT NULL,
    password_hash TEXT COLLATE "C" NOT NULL DEFAULT '', -- argon2id in PHC form; empty: no password log-in
    created       BIGINT NOT NULL                       -- all times: microseconds since 1970, UTC
);

-- Codes, sessions and tokens are kept as SHA-256 only: a stolen copy of this database opens nothing.
CREATE TABLE login_codes (
    hash    BYTEA PRIMARY KEY,
    "user"  TEXT COLLATE "C" NOT NULL REFERENCES users(name),
    expires BIGINT NOT NULL
);
CREATE TABLE sessions (
    hash    BYTEA PRIMARY KEY,
    "user"  TEXT COLLATE "C" NOT NULL REFERENCES users(name),
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions("user");
CREATE TABLE tokens (
    id      TEXT COLLATE "C" PRIMARY KEY,
    name    TEXT COLLATE "C" NOT NULL,
    "user"  TEXT COLLATE "C" NOT NULL REFERENCES users(name),
    hash    BYTEA NOT NULL UNIQUE,
    created BIGINT NOT NULL
);
CREATE INDEX tokens_user ON tokens("user");

CREATE TABLE files (
    sha256  TEXT COLLATE "C" PRIMARY KEY,
    name    TEXT COLLATE "C" NOT NULL,
    size    BIGINT NOT NULL,
    created BIGINT NOT NULL,
    raw     BYTEA NOT NULL
);

CREATE TABLE scans (
    -- Order of storing; the id of live events. Numbers become visible in their order because one transaction writes at
    -- a time, under an advisory lock.
    seq            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id             TEXT COLLATE "C" NOT NULL UNIQUE,
    sha256         TEXT COLLATE "C" NOT NULL REFERENCES files(sha256),
    spectrum_index BIGINT NOT NULL,
    filename       TEXT COLLATE "C" NOT NULL,
    created        BIGINT NOT NULL,
    acquired       BIGINT NOT NULL,
    technique      TEXT COLLATE "C" NOT NULL,
    simulated      BOOLEAN NOT NULL,
    device_type    TEXT COLLATE "C" NOT NULL DEFAULT '',
    device_model   TEXT COLLATE "C" NOT NULL DEFAULT '',
    device_serial  TEXT COLLATE "C" NOT NULL DEFAULT '',
    latitude       DOUBLE PRECISION,
    longitude      DOUBLE PRECISION,
    precision_m    DOUBLE PRECISION,
    county         TEXT COLLATE "C" NOT NULL DEFAULT '',
    state          TEXT COLLATE "C" NOT NULL DEFAULT '',
    fips           TEXT COLLATE "C" NOT NULL DEFAULT '',
    case_number    TEXT COLLATE "C" NOT NULL DEFAULT '',
    exhibit        TEXT COLLATE "C" NOT NULL DEFAULT '',
    officer        TEXT COLLATE "C" NOT NULL DEFAULT '',
    verdict        TEXT COLLATE "C" NOT NULL,
    headline       TEXT COLLATE "C" NOT NULL,
    summary        TEXT COLLATE "C" NOT NULL,
    identification TEXT COLLATE "C" NOT NULL, -- JSON; not of that type, because it is given back byte by byte
    spectrum       BYTEA NOT NULL,            -- JSON
    UNIQUE (sha256, spectrum_index)
);
CREATE INDEX scans_acquired ON scans(acquired DESC, id DESC);
CREATE INDEX scans_place ON scans(state, county, acquired);

CREATE TABLE findings (
    scan_id     TEXT COLLATE "C" NOT NULL REFERENCES scans(id),
    rank        BIGINT NOT NULL,
    substance   TEXT COLLATE "C" NOT NULL,
    class       TEXT COLLATE "C" NOT NULL,
    controlled  BOOLEAN NOT NULL,
    tier        TEXT COLLATE "C" NOT NULL,
    probability DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (scan_id, rank)
);
CREATE INDEX findings_substance ON findings(lower(substance), scan_id);
CREATE INDEX findings_class ON findings(lower(class), scan_id);

CREATE TABLE outbox (
    seq      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- order of storing, and of sending
    sha256   TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES files(sha256),
    key      TEXT COLLATE "C" NOT NULL UNIQUE,                -- the Idempotency-Key of every attempt
    attempts BIGINT NOT NULL DEFAULT 0,
    tried    BIGINT,
    error    TEXT COLLATE "C" NOT NULL DEFAULT '',
    parked   BIGINT,
    sent     BIGINT,
    sent_to  TEXT COLLATE "C" NOT NULL DEFAULT '',
    sent_id  TEXT COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX outbox_open ON outbox(seq) WHERE sent IS NULL;
CREATE INDEX outbox_sent ON outbox(sent);

CREATE TABLE request_keys (
    "user"  TEXT COLLATE "C" NOT NULL,
    key     TEXT COLLATE "C" NOT NULL,
    sha256  TEXT COLLATE "C" NOT NULL REFERENCES files(sha256),
    created BOOLEAN NOT NULL, -- that request stored something new
    at      BIGINT NOT NULL,
    PRIMARY KEY ("user", key)
);

CREATE TABLE field_answers (
    seq            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order in which they were given
    sha256         TEXT COLLATE "C" NOT NULL REFERENCES files(sha256),
    spectrum_index BIGINT NOT NULL,
    scan_id        TEXT COLLATE "C" NOT NULL, -- there
    answer         TEXT COLLATE "C" NOT NULL, -- JSON as it came
    UNIQUE (sha256, spectrum_index, scan_id)
);

CREATE TABLE laboratory_results (
    seq          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order of entering
    id           TEXT COLLATE "C" NOT NULL UNIQUE,
    scan_id      TEXT COLLATE "C" NOT NULL REFERENCES scans(id),
    result       TEXT COLLATE "C" NOT NULL CHECK (result IN ('confirmed', 'refuted', 'corrected')),
    substances   TEXT COLLATE "C" NOT NULL, -- JSON
    pure         BOOLEAN NOT NULL,
    substance_id TEXT COLLATE "C" NOT NULL,
    technique    TEXT COLLATE "C" NOT NULL,
    laboratory   TEXT COLLATE "C" NOT NULL,
    note         TEXT COLLATE "C" NOT NULL,
    entered_by   TEXT COLLATE "C" NOT NULL REFERENCES users(name),
    entered      BIGINT NOT NULL,
    not_proposed TEXT COLLATE "C" NOT NULL
);
CREATE INDEX laboratory_results_scan ON laboratory_results(scan_id, seq);

CREATE TABLE reference_proposals (
    seq          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           TEXT COLLATE "C" NOT NULL UNIQUE,
    result_id    TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES laboratory_results(id),
    substance_id TEXT COLLATE "C" NOT NULL,
    substance    TEXT COLLATE "C" NOT NULL,
    tier         TEXT COLLATE "C" NOT NULL,
    reference_id TEXT COLLATE "C" NOT NULL
);

CREATE TABLE proposal_decisions (
    proposal_id TEXT COLLATE "C" PRIMARY KEY REFERENCES reference_proposals(id),
    accepted    BOOLEAN NOT NULL,
    reason      TEXT COLLATE "C" NOT NULL,
    alone       BOOLEAN NOT NULL,
    decided_by  TEXT COLLATE "C" NOT NULL REFERENCES users(name),
    decided     BIGINT NOT NULL
);

-- +goose StatementBegin
CREATE FUNCTION fentrace_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% are never %', TG_ARGV[0], CASE TG_OP WHEN 'UPDATE' THEN 'changed' ELSE 'deleted' END;
END $$;
-- +goose StatementEnd
CREATE TRIGGER laboratory_results_keep BEFORE UPDATE OR DELETE ON laboratory_results
    FOR EACH ROW EXECUTE FUNCTION fentrace_refuse('laboratory results');
CREATE TRIGGER laboratory_results_stay BEFORE TRUNCATE ON laboratory_results
    FOR EACH STATEMENT EXECUTE FUNCTION fentrace_refuse('laboratory results');
CREATE TRIGGER proposal_decisions_keep BEFORE UPDATE OR DELETE ON proposal_decisions
    FOR EACH ROW EXECUTE FUNCTION fentrace_refuse('decisions');
CREATE TRIGGER proposal_decisions_stay BEFORE TRUNCATE ON proposal_decisions
    FOR EACH STATEMENT EXECUTE FUNCTION fentrace_refuse('decisions');

CREATE VIEW proposals AS
SELECT p.seq, p.id, p.result_id, p.substance_id, p.substance, p.tier, p.reference_id, r.scan_id, r.entered_by,
    CASE WHEN EXISTS (SELECT 1 FROM laboratory_results later WHERE later.scan_id = r.scan_id AND later.seq > r.seq
                      AND NOT (later.pure AND later.substance_id = p.substance_id)) THEN 'withdrawn'
         WHEN d.proposal_id IS NULL THEN 'open'
         WHEN d.accepted THEN 'accepted'
         ELSE 'rejected' END AS status
FROM reference_proposals p
JOIN laboratory_results r ON r.id = p.result_id
LEFT JOIN proposal_decisions d ON d.proposal_id = p.id;

CREATE TABLE library_changes (
    seq      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id       TEXT COLLATE "C" NOT NULL UNIQUE,
    noted    BIGINT NOT NULL,
    cause    TEXT COLLATE "C" NOT NULL,
    before   TEXT COLLATE "C" NOT NULL, -- JSON
    after    TEXT COLLATE "C" NOT NULL, -- JSON
    state    TEXT COLLATE "C" NOT NULL,
    total    BIGINT NOT NULL DEFAULT 0,
    left_out BIGINT NOT NULL DEFAULT 0,
    error    TEXT COLLATE "C" NOT NULL DEFAULT ''
);

CREATE TABLE truth_answers (
    change_seq      BIGINT NOT NULL REFERENCES library_changes(seq),
    scan_id         TEXT COLLATE "C" NOT NULL REFERENCES scans(id),
    before_verdict  TEXT COLLATE "C" NOT NULL,
    before_headline TEXT COLLATE "C" NOT NULL,
    before_named    TEXT COLLATE "C" NOT NULL, -- JSON
    before_grade    TEXT COLLATE "C" NOT NULL,
    verdict         TEXT COLLATE "C" NOT NULL,
    headline        TEXT COLLATE "C" NOT NULL,
    named           TEXT COLLATE "C" NOT NULL,
    grade           TEXT COLLATE "C" NOT NULL,
    effect          TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (change_seq, scan_id)
);
CREATE INDEX truth_answers_scan ON truth_answers(scan_id, change_seq);

CREATE TABLE rescreens (
    seq          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           TEXT COLLATE "C" NOT NULL UNIQUE,
    reference_id TEXT COLLATE "C" NOT NULL,
    substance    TEXT COLLATE "C" NOT NULL,
    library      TEXT COLLATE "C" NOT NULL,
    asked_by     TEXT COLLATE "C" NOT NULL,
    created      BIGINT NOT NULL,
    state        TEXT COLLATE "C" NOT NULL,
    error        TEXT COLLATE "C" NOT NULL DEFAULT '',
    screened     BIGINT NOT NULL DEFAULT 0,
    total        BIGINT NOT NULL DEFAULT 0,
    done         BIGINT NOT NULL DEFAULT 0,
    upto         BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE lookback_hits (
    reference_id TEXT COLLATE "C" NOT NULL,
    scan_id      TEXT COLLATE "C" NOT NULL REFERENCES scans(id),
    substance    TEXT COLLATE "C" NOT NULL,
    class        TEXT COLLATE "C" NOT NULL,
    controlled   BOOLEAN NOT NULL,
    score        DOUBLE PRECISION NOT NULL,
    shift_cm1    DOUBLE PRECISION NOT NULL,
    stated       BOOLEAN NOT NULL,
    verdict      TEXT COLLATE "C" NOT NULL,
    headline     TEXT COLLATE "C" NOT NULL,
    library      TEXT COLLATE "C" NOT NULL,
    found        BIGINT NOT NULL,
    PRIMARY KEY (reference_id, scan_id)
);
CREATE INDEX lookback_hits_scan ON lookback_hits(scan_id);

CREATE TABLE alerts (
    seq          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           TEXT COLLATE "C" NOT NULL UNIQUE,
    created      BIGINT NOT NULL,
    substance    TEXT COLLATE "C" NOT NULL,
    reference_id TEXT COLLATE "C" NOT NULL,
    scan_id      TEXT COLLATE "C" NOT NULL REFERENCES scans(id),
    county       TEXT COLLATE "C" NOT NULL,
    state        TEXT COLLATE "C" NOT NULL,
    fips         TEXT COLLATE "C" NOT NULL,
    simulated    BOOLEAN NOT NULL,
    first_seen   BIGINT NOT NULL,
    seen_before  BIGINT,
    read_by      TEXT COLLATE "C",
    read         BIGINT,
    UNIQUE (substance, county, state, fips, simulated, scan_id)
);

-- +goose Down
DROP TABLE alerts;
DROP TABLE lookback_hits;
DROP TABLE rescreens;
DROP TABLE truth_answers;
DROP TABLE library_changes;
DROP VIEW proposals;
DROP TABLE proposal_decisions;
DROP TABLE reference_proposals;
DROP TABLE laboratory_results;
DROP FUNCTION fentrace_refuse;
DROP TABLE field_answers;
DROP TABLE request_keys;
DROP TABLE outbox;
DROP TABLE findings;
DROP TABLE scans;
DROP TABLE files;
DROP TABLE tokens;
DROP TABLE sessions;
DROP TABLE login_codes;
DROP TABLE users;
DROP TABLE identity;
