-- What operators changed at services: which options from what to what, who and when.

-- options: JSON, [[name, before or null, after or null], …].
CREATE TABLE changes (
    row         INTEGER PRIMARY KEY,
    service     TEXT    NOT NULL,
    at_ms       INTEGER NOT NULL,
    who         TEXT    NOT NULL,
    address     TEXT    NOT NULL,
    how         TEXT    NOT NULL,
    options     TEXT    NOT NULL
);
CREATE INDEX changes_by_service ON changes (service, row);
