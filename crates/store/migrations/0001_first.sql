-- First schema.
--
-- No foreign keys: the order of the writes of one batch is the engine's, rows are removed only by
-- `purge`, which removes what belongs to a callback together, and a check per row costs time on
-- the path that answers a caller. Times are milliseconds since 1970 (`_ms`).

-- The settings a callback was created with, once per distinct content.
-- id: the first 16 bytes of the SHA-256 of the body.
CREATE TABLE settings (
    id   BLOB NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
) WITHOUT ROWID;

-- Columns hold what is searched for, `body` the rest of the record as JSON.
CREATE TABLE callbacks (
    row           INTEGER PRIMARY KEY,
    id            TEXT    NOT NULL UNIQUE,
    service       TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    reason        TEXT,
    number        TEXT    NOT NULL, -- the cleaned number that is dialed
    desired_ms    INTEGER NOT NULL,
    expires_ms    INTEGER NOT NULL,
    created_ms    INTEGER NOT NULL,
    next_timer_ms INTEGER,
    open          INTEGER NOT NULL, -- 1 = not completed
    settings_id   BLOB    NOT NULL,
    body          TEXT    NOT NULL
);
CREATE INDEX callbacks_open ON callbacks (open) WHERE open = 1;
CREATE INDEX callbacks_over ON callbacks (expires_ms) WHERE open = 0;
CREATE INDEX callbacks_number ON callbacks (number, open);
CREATE INDEX callbacks_settings ON callbacks (settings_id);

CREATE TABLE events (
    callback_id TEXT    NOT NULL,
    seq         INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    event_id    TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    data        TEXT    NOT NULL,
    PRIMARY KEY (callback_id, seq)
) WITHOUT ROWID;

-- state: 0 pending, 1 delivered, 2 failed.
CREATE TABLE deliveries (
    row              INTEGER PRIMARY KEY,
    id               TEXT    NOT NULL UNIQUE,
    callback_id      TEXT    NOT NULL,
    seq              INTEGER NOT NULL,
    notification_seq INTEGER NOT NULL,
    event_id         TEXT    NOT NULL,
    at_ms            INTEGER NOT NULL,
    channel          TEXT    NOT NULL,
    target           TEXT    NOT NULL,
    guarded          INTEGER NOT NULL,
    language         TEXT    NOT NULL,
    body             TEXT    NOT NULL,
    attempts         INTEGER NOT NULL,
    next_at_ms       INTEGER,
    state            INTEGER NOT NULL
);
CREATE INDEX deliveries_callback ON deliveries (callback_id, seq);
CREATE INDEX deliveries_pending ON deliveries (callback_id, seq) WHERE state = 0;

-- delivery: `row` of the delivery, so that new attempts are written next to each other.
CREATE TABLE attempts (
    delivery   INTEGER NOT NULL,
    n          INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL,
    status     INTEGER NOT NULL,
    error      TEXT    NOT NULL,
    took_ms    INTEGER NOT NULL,
    state      INTEGER NOT NULL,
    next_at_ms INTEGER,
    PRIMARY KEY (delivery, n)
) WITHOUT ROWID;

CREATE TABLE intents (
    leg         TEXT    NOT NULL PRIMARY KEY,
    callback_id TEXT    NOT NULL,
    at_ms       INTEGER NOT NULL,
    dialog      TEXT
) WITHOUT ROWID;
CREATE INDEX intents_callback ON intents (callback_id);

CREATE TABLE idempotency (
    key         TEXT    NOT NULL PRIMARY KEY,
    body_hash   TEXT    NOT NULL,
    callback_id TEXT    NOT NULL,
    at_ms       INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX idempotency_age ON idempotency (at_ms);

-- options: JSON array of [key, value], in file order.
CREATE TABLE services (
    name       TEXT    NOT NULL PRIMARY KEY,
    options    TEXT    NOT NULL,
    changed_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE agents (
    id       TEXT    NOT NULL PRIMARY KEY,
    options  TEXT    NOT NULL,
    ready    INTEGER NOT NULL,
    reason   TEXT    NOT NULL,
    since_ms INTEGER NOT NULL
) WITHOUT ROWID;
