-- +goose Up
-- FALSE: the request with this key made nothing, for what it asked for was there already.
ALTER TABLE record_keys ADD COLUMN made BOOLEAN NOT NULL DEFAULT TRUE;

-- +goose Down
ALTER TABLE record_keys DROP COLUMN made;
