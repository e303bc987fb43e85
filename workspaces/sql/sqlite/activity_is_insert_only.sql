-- No line of the activity log changes, and what a person did stays. Lines that Muster recorded itself may go after 30 days.

CREATE TRIGGER workspaces_event_no_update
    BEFORE UPDATE ON workspaces_event BEGIN
    SELECT RAISE(ABORT, 'muster: the activity log is insert-only');
END;

CREATE TRIGGER workspaces_event_no_delete
    BEFORE DELETE ON workspaces_event
    WHEN OLD.actor_kind <> 'automation' OR OLD.at >= datetime('now', '-30 days') BEGIN
    SELECT RAISE(ABORT, 'muster: the activity log is insert-only');
END;
