-- +goose Up
-- What a laboratory said of the sample of a scan. Rows are never changed: of several about one scan the last counts, and
-- all are kept. The presumptive answer of the scan stays as it was given.
CREATE TABLE laboratory_results (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of entering
    id           TEXT NOT NULL UNIQUE,
    scan_id      TEXT NOT NULL REFERENCES scans(id),
    result       TEXT NOT NULL CHECK (result IN ('confirmed', 'refuted', 'corrected')),
    substances   TEXT NOT NULL,                     -- JSON
    pure         INTEGER NOT NULL,                  -- the sample is one substance and nothing else
    substance_id TEXT NOT NULL,                     -- of that one in the library; empty when not pure or not known
    technique    TEXT NOT NULL,
    laboratory   TEXT NOT NULL,
    note         TEXT NOT NULL,
    entered_by   TEXT NOT NULL REFERENCES users(name),
    entered      INTEGER NOT NULL,
    not_proposed TEXT NOT NULL                      -- why the scan was not proposed as a reference
);
CREATE INDEX laboratory_results_scan ON laboratory_results(scan_id, seq);

-- Scans that may become references. reference_id is the id the reference has in every library.
CREATE TABLE reference_proposals (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT NOT NULL UNIQUE,
    result_id    TEXT NOT NULL UNIQUE REFERENCES laboratory_results(id),
    substance_id TEXT NOT NULL,
    substance    TEXT NOT NULL,
    tier         TEXT NOT NULL,
    reference_id TEXT NOT NULL
);

-- What a reviewer said of a proposal. Rows are never changed either.
CREATE TABLE proposal_decisions (
    proposal_id TEXT PRIMARY KEY REFERENCES reference_proposals(id),
    accepted    INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    alone       INTEGER NOT NULL, -- 1: by the person who entered the result, because there was no second one
    decided_by  TEXT NOT NULL REFERENCES users(name),
    decided     INTEGER NOT NULL
);

-- +goose StatementBegin
CREATE TRIGGER laboratory_results_keep BEFORE UPDATE ON laboratory_results
BEGIN SELECT RAISE(ABORT, 'laboratory results are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER laboratory_results_stay BEFORE DELETE ON laboratory_results
BEGIN SELECT RAISE(ABORT, 'laboratory results are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER proposal_decisions_keep BEFORE UPDATE ON proposal_decisions
BEGIN SELECT RAISE(ABORT, 'decisions are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER proposal_decisions_stay BEFORE DELETE ON proposal_decisions
BEGIN SELECT RAISE(ABORT, 'decisions are never deleted'); END;
-- +goose StatementEnd

-- A proposal stands as long as no later result about its scan says anything but the same substance, pure.
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

-- Every library this server has answered with, and what the step to it changed.
CREATE TABLE library_changes (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    noted    INTEGER NOT NULL,
    cause    TEXT NOT NULL,
    before   TEXT NOT NULL, -- JSON: what the library held; its version is empty for the first one
    after    TEXT NOT NULL, -- JSON
    state    TEXT NOT NULL, -- of the comparison: running, done, cancelled, failed
    total    INTEGER NOT NULL DEFAULT 0, -- scans to compare
    left_out INTEGER NOT NULL DEFAULT 0, -- scans with a laboratory result that cannot be compared fairly
    error    TEXT NOT NULL DEFAULT ''
);

-- Scans with a laboratory result, answered again with the library of a change.
CREATE TABLE truth_answers (
    change_seq      INTEGER NOT NULL REFERENCES library_changes(seq),
    scan_id         TEXT NOT NULL REFERENCES scans(id),
    before_verdict  TEXT NOT NULL,
    before_headline TEXT NOT NULL,
    before_named    TEXT NOT NULL,    -- JSON: the substances the answer rests on
    before_grade    TEXT NOT NULL,
    verdict         TEXT NOT NULL,
    headline        TEXT NOT NULL,
    named           TEXT NOT NULL,
    grade           TEXT NOT NULL,    -- wrong, no answer, partly right, right
    effect          TEXT NOT NULL,    -- better, worse, changed, same
    PRIMARY KEY (change_seq, scan_id)
) WITHOUT ROWID;
CREATE INDEX truth_answers_scan ON truth_answers(scan_id, change_seq);

-- +goose Down
DROP TABLE truth_answers;
DROP TABLE library_changes;
DROP VIEW proposals;
DROP TABLE proposal_decisions;
DROP TABLE reference_proposals;
DROP TABLE laboratory_results;
