-- One library: substances and the reference spectra and peak tables that speak for them.
-- Arrays are little-endian IEEE 754 binary64, eight bytes a value.

-- +goose Up
CREATE TABLE meta (
    key   TEXT PRIMARY KEY, -- title
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE substances (
    id               TEXT PRIMARY KEY,
    name             TEXT NOT NULL,
    cas              TEXT NOT NULL,
    inchikey         TEXT NOT NULL,
    smiles           TEXT NOT NULL,
    formula          TEXT NOT NULL,
    molecular_weight REAL NOT NULL, -- g/mol, 0 when not known
    class            TEXT NOT NULL,
    schedule         TEXT NOT NULL, -- legal status in the source's words
    controlled       INTEGER NOT NULL CHECK (controlled IN (0, 1)),
    unverified       INTEGER NOT NULL CHECK (unverified IN (0, 1)),
    source           TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE synonyms (
    substance_id TEXT NOT NULL REFERENCES substances (id) ON DELETE CASCADE,
    synonym      TEXT NOT NULL,
    PRIMARY KEY (substance_id, synonym)
) WITHOUT ROWID;

CREATE TABLE reference_spectra (
    id           TEXT PRIMARY KEY, -- SHA-256 over substance, technique, tier and data
    substance_id TEXT NOT NULL REFERENCES substances (id),
    tier         TEXT NOT NULL CHECK (tier IN ('measured', 'published', 'simulated')),
    technique    TEXT NOT NULL CHECK (technique IN ('raman', 'ir')),
    form         TEXT NOT NULL,
    laser_nm     REAL NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('spectrum', 'peaks')),
    title        TEXT NOT NULL,
    x_unit       TEXT NOT NULL,
    y_unit       TEXT NOT NULL,
    x            BLOB NOT NULL, -- axis, or peak positions in cm-1
    y            BLOB NOT NULL, -- values, or peak heights 0..100
    metadata     TEXT NOT NULL, -- JSON, how the spectrum was acquired
    source       TEXT NOT NULL,
    licence      TEXT NOT NULL,
    sha256       TEXT NOT NULL, -- of the raw bytes it was read from
    added        TEXT NOT NULL, -- RFC 3339, empty when not recorded
    unverified   INTEGER NOT NULL CHECK (unverified IN (0, 1))
);

CREATE INDEX reference_spectra_substance ON reference_spectra (substance_id);

PRAGMA application_id = 1179931203; -- "FTRC"
