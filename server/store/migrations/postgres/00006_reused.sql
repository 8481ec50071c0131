-- +goose Up
-- What answered the scans that a look-back found: when the past is looked through again with the same, what is stored is used.
ALTER TABLE rescreens ADD COLUMN algorithm TEXT COLLATE "C" NOT NULL DEFAULT '', -- name and version; empty: not noted, so never the same
    ADD COLUMN reused BIGINT NOT NULL DEFAULT 0; -- of done: those that an earlier look-back has done
ALTER TABLE lookback_hits ADD COLUMN algorithm TEXT COLLATE "C" NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE lookback_hits DROP COLUMN algorithm;
ALTER TABLE rescreens DROP COLUMN reused, DROP COLUMN algorithm;
