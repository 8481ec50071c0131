-- +goose Up
-- The log of what was done: leaves of a Merkle tree (RFC 6962), in the transaction of what they are about. Rows are never changed.
CREATE TABLE log_leaves (
    seq     INTEGER PRIMARY KEY,  -- 0, 1, 2 and so on without a gap: the number in the tree
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    agency  TEXT NOT NULL,
    action  TEXT NOT NULL,
    kind    TEXT NOT NULL,        -- of the record
    record  TEXT NOT NULL,        -- its id
    leaf    BLOB NOT NULL         -- the bytes of which the hash is taken
);
CREATE INDEX log_leaves_record ON log_leaves(kind, record, seq);
CREATE INDEX log_leaves_actor ON log_leaves(actor, seq);

-- The hashes of the tree, numbered as golang.org/x/mod/sumdb/tlog does.
CREATE TABLE log_hashes (
    n    INTEGER PRIMARY KEY,
    hash BLOB NOT NULL
);

-- Signed checkpoints (C2SP tlog-checkpoint), those handed out and those made from time to time.
CREATE TABLE log_checkpoints (
    size       INTEGER NOT NULL, -- leaves
    origin     TEXT NOT NULL,    -- name of the key: each server has its own
    made       INTEGER NOT NULL,
    checkpoint TEXT NOT NULL,
    PRIMARY KEY (size, origin)
) WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER log_leaves_keep BEFORE UPDATE ON log_leaves
BEGIN SELECT RAISE(ABORT, 'leaves of the log are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_leaves_stay BEFORE DELETE ON log_leaves
BEGIN SELECT RAISE(ABORT, 'leaves of the log are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_hashes_keep BEFORE UPDATE ON log_hashes
BEGIN SELECT RAISE(ABORT, 'hashes of the log are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_hashes_stay BEFORE DELETE ON log_hashes
BEGIN SELECT RAISE(ABORT, 'hashes of the log are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_checkpoints_keep BEFORE UPDATE ON log_checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints of the log are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_checkpoints_stay BEFORE DELETE ON log_checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints of the log are never deleted'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE log_checkpoints;
DROP TABLE log_hashes;
DROP TABLE log_leaves;
