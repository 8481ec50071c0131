-- +goose Up
-- 0: the request with this key made nothing, for what it asked for was there already.
ALTER TABLE record_keys ADD COLUMN made INTEGER NOT NULL DEFAULT 1;

-- +goose Down
ALTER TABLE record_keys DROP COLUMN made;
