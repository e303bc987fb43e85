-- No line of the activity log changes or disappears.

CREATE TRIGGER workspaces_event_no_update
    BEFORE UPDATE ON workspaces_event BEGIN
    SELECT RAISE(ABORT, 'muster: the activity log is insert-only');
END;

CREATE TRIGGER workspaces_event_no_delete
    BEFORE DELETE ON workspaces_event BEGIN
    SELECT RAISE(ABORT, 'muster: the activity log is insert-only');
END;
