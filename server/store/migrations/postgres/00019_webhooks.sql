-- +goose Up
-- Where accounts want to be told of what happens.
CREATE TABLE webhooks (
    seq        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         TEXT COLLATE "C" NOT NULL UNIQUE,
    created    BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL REFERENCES users(name), -- who alone has it, and sees what is delivered
    name       TEXT COLLATE "C" NOT NULL,
    url        TEXT COLLATE "C" NOT NULL,
    events     TEXT COLLATE "C" NOT NULL, -- with a comma before and after each
    secret     BYTEA NOT NULL, -- that deliveries are signed with, encrypted as files are
    secret_key TEXT COLLATE "C" NOT NULL,
    disabled   BIGINT,
    why        TEXT COLLATE "C" NOT NULL DEFAULT '' -- it was disabled
);
CREATE INDEX webhooks_created_by ON webhooks(created_by, seq);
CREATE INDEX webhooks_key ON webhooks(secret_key);
CREATE TRIGGER webhooks_encrypted BEFORE INSERT ON webhooks FOR EACH ROW WHEN (NEW.secret_key = '') EXECUTE FUNCTION fentrace_encrypted();

-- What is delivered, by its id; what it says is read when that happens.
CREATE TABLE webhook_deliveries (
    seq        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         TEXT COLLATE "C" NOT NULL UNIQUE,
    webhook_id TEXT COLLATE "C" NOT NULL REFERENCES webhooks(id),
    event      TEXT COLLATE "C" NOT NULL,
    subject    TEXT COLLATE "C" NOT NULL, -- the alert
    created    BIGINT NOT NULL,
    state      TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed', 'dropped')),
    run        BIGINT NOT NULL DEFAULT 0, -- how often it was asked for again; only the last one counts
    attempts   BIGINT NOT NULL DEFAULT 0,
    tried      BIGINT,
    error      TEXT COLLATE "C" NOT NULL DEFAULT '',
    UNIQUE (webhook_id, event, subject)
);
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries(webhook_id, seq);

-- +goose Down
DROP TABLE webhook_deliveries;
DROP TABLE webhooks;
