-- +goose Up
-- What answered the scans that a look-back found: when the past is looked through again with the same, what is stored is used.
ALTER TABLE rescreens ADD COLUMN algorithm TEXT NOT NULL DEFAULT ''; -- name and version; empty: not noted, so never the same
ALTER TABLE rescreens ADD COLUMN reused INTEGER NOT NULL DEFAULT 0; -- of done: those that an earlier look-back has done
ALTER TABLE lookback_hits ADD COLUMN algorithm TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE lookback_hits DROP COLUMN algorithm;
ALTER TABLE rescreens DROP COLUMN reused;
ALTER TABLE rescreens DROP COLUMN algorithm;
