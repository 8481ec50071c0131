-- +goose Up
-- What an access token may be used for, and until when.
ALTER TABLE tokens ADD COLUMN scope TEXT NOT NULL DEFAULT 'all';
ALTER TABLE tokens ADD COLUMN expires INTEGER; -- NULL: not by itself

-- +goose Down
ALTER TABLE tokens DROP COLUMN expires;
ALTER TABLE tokens DROP COLUMN scope;
