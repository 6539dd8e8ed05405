-- Transaction Lists, subscriptions, what a delivery needs beside its target, traces of debug mode.

-- sections: JSON array of {name, entries: [[key, value], …]}, in file order.
CREATE TABLE transaction_lists (
    name       TEXT    NOT NULL PRIMARY KEY,
    sections   TEXT    NOT NULL,
    changed_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE subscriptions (
    id             TEXT    NOT NULL PRIMARY KEY,
    subscriber     TEXT    NOT NULL,
    filter         TEXT    NOT NULL,
    channel        TEXT    NOT NULL,
    device         TEXT    NOT NULL,
    provider       TEXT    NOT NULL,
    authorization  TEXT    NOT NULL,
    language       TEXT    NOT NULL,
    debug          INTEGER NOT NULL,
    guarded        INTEGER NOT NULL,
    expires_ms     INTEGER NOT NULL
) WITHOUT ROWID;

-- base: attempts made before the last retry by hand; the schedule counts from there.
ALTER TABLE deliveries ADD COLUMN base INTEGER NOT NULL DEFAULT 0;
-- extra: JSON object of what few deliveries need, or empty.
ALTER TABLE deliveries ADD COLUMN extra TEXT NOT NULL DEFAULT '';

-- delivery, n: as in attempts.
CREATE TABLE traces (
    delivery INTEGER NOT NULL,
    n        INTEGER NOT NULL,
    at_ms    INTEGER NOT NULL,
    request  TEXT    NOT NULL,
    answer   TEXT    NOT NULL,
    PRIMARY KEY (delivery, n)
) WITHOUT ROWID;
CREATE INDEX traces_age ON traces (at_ms);

CREATE INDEX events_at ON events (at_ms);
CREATE INDEX deliveries_failed ON deliveries (at_ms) WHERE state = 2;
