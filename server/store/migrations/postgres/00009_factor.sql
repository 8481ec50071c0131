-- +goose Up
-- The second factor of log-ins with a password (RFC 6238), and the codes for whoever has lost it, as SHA-256.
ALTER TABLE users ADD COLUMN totp_secret BYTEA,             -- NULL: none was ever set up
    ADD COLUMN totp_on BOOLEAN NOT NULL DEFAULT FALSE,      -- it is asked for
    ADD COLUMN totp_step BIGINT NOT NULL DEFAULT 0;         -- of the code used last: a code opens once
CREATE TABLE recovery_codes (
    hash   BYTEA PRIMARY KEY,
    "user" TEXT COLLATE "C" NOT NULL REFERENCES users(name)
);
CREATE INDEX recovery_codes_user ON recovery_codes("user");

-- +goose Down
DROP TABLE recovery_codes;
ALTER TABLE users DROP COLUMN totp_step, DROP COLUMN totp_on, DROP COLUMN totp_secret;
