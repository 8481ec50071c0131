-- +goose Up
ALTER TABLE sessions ADD COLUMN used BIGINT NOT NULL DEFAULT 0; -- when it was used last, to about a minute
UPDATE sessions SET used = created;

-- +goose Down
ALTER TABLE sessions DROP COLUMN used;
