-- +goose Up
-- Who somebody is at a log-in provider, and whose account that opens. The first subject of a name keeps it.
CREATE TABLE subjects (
    issuer  TEXT NOT NULL,
    subject TEXT NOT NULL,
    "user"  TEXT NOT NULL UNIQUE REFERENCES users(name) ON DELETE CASCADE,
    bound   INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
);
-- Hashes of tokens that a provider's log-in opened with: each opens once.
CREATE TABLE spent_tokens (
    hash    BLOB PRIMARY KEY,
    expires INTEGER NOT NULL
);
-- When an access token was used last, to a minute, and from where; NULL and '': it was not.
ALTER TABLE tokens ADD COLUMN used INTEGER;
ALTER TABLE tokens ADD COLUMN used_from TEXT NOT NULL DEFAULT '';
