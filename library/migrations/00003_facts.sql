-- What describes references without their spectra, so that a large library is opened without reading those: a query for these
-- columns is answered from the index.

-- +goose Up
CREATE INDEX reference_spectra_facts ON reference_spectra (id, substance_id, tier, technique, form, laser_nm, kind, source, licence, sha256,
    added, unverified);
CREATE INDEX reference_spectra_peaks ON reference_spectra (id) WHERE kind = 'peaks';

-- +goose Down
DROP INDEX reference_spectra_peaks;
DROP INDEX reference_spectra_facts;
