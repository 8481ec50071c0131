-- +goose Up
-- The log of what was done: leaves of a Merkle tree (RFC 6962), in the transaction of what they are about. Rows are never changed.
CREATE TABLE log_leaves (
    seq     BIGINT PRIMARY KEY,  -- 0, 1, 2 and so on without a gap: the number in the tree
    at      BIGINT NOT NULL,
    actor   TEXT COLLATE "C" NOT NULL,
    agency  TEXT COLLATE "C" NOT NULL,
    action  TEXT COLLATE "C" NOT NULL,
    kind    TEXT COLLATE "C" NOT NULL, -- of the record
    record  TEXT COLLATE "C" NOT NULL, -- its id
    leaf    BYTEA NOT NULL             -- the bytes of which the hash is taken
);
CREATE INDEX log_leaves_record ON log_leaves(kind, record, seq);
CREATE INDEX log_leaves_actor ON log_leaves(actor, seq);

-- The hashes of the tree, numbered as golang.org/x/mod/sumdb/tlog does.
CREATE TABLE log_hashes (
    n    BIGINT PRIMARY KEY,
    hash BYTEA NOT NULL
);

-- Signed checkpoints (C2SP tlog-checkpoint), those handed out and those made from time to time.
CREATE TABLE log_checkpoints (
    size       BIGINT NOT NULL,           -- leaves
    origin     TEXT COLLATE "C" NOT NULL, -- name of the key: each server has its own
    made       BIGINT NOT NULL,
    checkpoint TEXT NOT NULL,
    PRIMARY KEY (size, origin)
);

CREATE TRIGGER log_leaves_keep BEFORE UPDATE OR DELETE ON log_leaves
    FOR EACH ROW EXECUTE FUNCTION fentrace_refuse('leaves of the log');
CREATE TRIGGER log_leaves_stay BEFORE TRUNCATE ON log_leaves
    FOR EACH STATEMENT EXECUTE FUNCTION fentrace_refuse('leaves of the log');
CREATE TRIGGER log_hashes_keep BEFORE UPDATE OR DELETE ON log_hashes
    FOR EACH ROW EXECUTE FUNCTION fentrace_refuse('hashes of the log');
CREATE TRIGGER log_hashes_stay BEFORE TRUNCATE ON log_hashes
    FOR EACH STATEMENT EXECUTE FUNCTION fentrace_refuse('hashes of the log');
CREATE TRIGGER log_checkpoints_keep BEFORE UPDATE OR DELETE ON log_checkpoints
    FOR EACH ROW EXECUTE FUNCTION fentrace_refuse('checkpoints of the log');
CREATE TRIGGER log_checkpoints_stay BEFORE TRUNCATE ON log_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION fentrace_refuse('checkpoints of the log');

-- +goose Down
DROP TABLE log_checkpoints;
DROP TABLE log_hashes;
DROP TABLE log_leaves;
