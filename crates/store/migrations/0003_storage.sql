-- What apps keep with a callback (callback-api §9.3). Goes with its callback.

-- binary: 1 = an attachment with its media type, 0 = text.
CREATE TABLE storage (
    row         INTEGER PRIMARY KEY,
    callback_id TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    binary      INTEGER NOT NULL,
    media_type  TEXT    NOT NULL,
    value       BLOB    NOT NULL,
    UNIQUE (callback_id, key)
);
