-- Changes of Transaction Lists beside those of services.

-- kind: service or list; service: the name of what was changed.
ALTER TABLE changes ADD COLUMN kind TEXT NOT NULL DEFAULT 'service';
DROP INDEX changes_by_service;
CREATE INDEX changes_by_subject ON changes (kind, service, row);
