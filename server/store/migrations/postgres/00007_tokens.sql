-- +goose Up
-- What an access token may be used for, and until when.
ALTER TABLE tokens ADD COLUMN scope TEXT COLLATE "C" NOT NULL DEFAULT 'all',
    ADD COLUMN expires BIGINT; -- NULL: not by itself

-- +goose Down
ALTER TABLE tokens DROP COLUMN expires, DROP COLUMN scope;
