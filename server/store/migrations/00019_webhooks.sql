-- +goose Up
-- Where accounts want to be told of what happens.
CREATE TABLE webhooks (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    created    INTEGER NOT NULL,
    created_by TEXT NOT NULL REFERENCES users(name), -- who alone has it, and sees what is delivered
    name       TEXT NOT NULL,
    url        TEXT NOT NULL,
    events     TEXT NOT NULL, -- with a comma before and after each
    secret     BLOB NOT NULL, -- that deliveries are signed with, encrypted as files are
    secret_key TEXT NOT NULL,
    disabled   INTEGER,
    why        TEXT NOT NULL DEFAULT '' -- it was disabled
);
CREATE INDEX webhooks_created_by ON webhooks(created_by, seq);
CREATE INDEX webhooks_key ON webhooks(secret_key);
-- +goose StatementBegin
CREATE TRIGGER webhooks_encrypted BEFORE INSERT ON webhooks WHEN NEW.secret_key = '' AND EXISTS (SELECT 1 FROM encryption_keys)
BEGIN SELECT RAISE(ABORT, 'this database is encrypted'); END;
-- +goose StatementEnd

-- What is delivered, by its id; what it says is read when that happens.
CREATE TABLE webhook_deliveries (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    webhook_id TEXT NOT NULL REFERENCES webhooks(id),
    event      TEXT NOT NULL,
    subject    TEXT NOT NULL, -- the alert
    created    INTEGER NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed', 'dropped')),
    run        INTEGER NOT NULL DEFAULT 0, -- how often it was asked for again; only the last one counts
    attempts   INTEGER NOT NULL DEFAULT 0,
    tried      INTEGER,
    error      TEXT NOT NULL DEFAULT '',
    UNIQUE (webhook_id, event, subject)
);
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries(webhook_id, seq);

-- +goose Down
DROP TABLE webhook_deliveries;
DROP TABLE webhooks;
