-- What answers were found to be worth, by library/validate: one report for each version of the whole stack of libraries
-- that this file lay on top of. Reports change no version: they say something about a library and are no part of it.

-- +goose Up
CREATE TABLE validations (
    library_version TEXT NOT NULL, -- of the stack
    technique       TEXT NOT NULL CHECK (technique IN ('raman', 'ir')),
    made            TEXT NOT NULL, -- RFC 3339
    report          TEXT NOT NULL, -- JSON
    PRIMARY KEY (library_version, technique)
) WITHOUT ROWID;
