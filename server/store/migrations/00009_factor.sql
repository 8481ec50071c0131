-- +goose Up
-- The second factor of log-ins with a password (RFC 6238), and the codes for whoever has lost it, as SHA-256.
ALTER TABLE users ADD COLUMN totp_secret BLOB;                    -- NULL: none was ever set up
ALTER TABLE users ADD COLUMN totp_on INTEGER NOT NULL DEFAULT 0;  -- it is asked for
ALTER TABLE users ADD COLUMN totp_step INTEGER NOT NULL DEFAULT 0; -- of the code used last: a code opens once
CREATE TABLE recovery_codes (
    hash   BLOB PRIMARY KEY,
    "user" TEXT NOT NULL REFERENCES users(name)
);
CREATE INDEX recovery_codes_user ON recovery_codes("user");

-- +goose Down
DROP TABLE recovery_codes;
ALTER TABLE users DROP COLUMN totp_step;
ALTER TABLE users DROP COLUMN totp_on;
ALTER TABLE users DROP COLUMN totp_secret;
