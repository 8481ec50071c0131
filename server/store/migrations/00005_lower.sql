-- +goose Up
-- Texts are compared as lower(text), which PostgreSQL knows too.
DROP INDEX findings_substance;
DROP INDEX findings_class;
CREATE INDEX findings_substance ON findings(lower(substance), scan_id);
CREATE INDEX findings_class ON findings(lower(class), scan_id);

-- +goose Down
DROP INDEX findings_substance;
DROP INDEX findings_class;
CREATE INDEX findings_substance ON findings(substance COLLATE NOCASE, scan_id);
CREATE INDEX findings_class ON findings(class COLLATE NOCASE, scan_id);
