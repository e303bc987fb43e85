-- No line of the activity log changes, and what a person did stays. Lines that Muster recorded itself may go after 30 days.

CREATE OR REPLACE FUNCTION workspaces_event_is_insert_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.actor_kind = 'automation' AND OLD.at < now() - interval '30 days' THEN RETURN OLD; END IF;
    END IF;
    RAISE EXCEPTION 'muster: the activity log is insert-only' USING ERRCODE = '23514';
END $$;

CREATE TRIGGER workspaces_event_no_change BEFORE UPDATE OR DELETE ON workspaces_event
    FOR EACH ROW EXECUTE FUNCTION workspaces_event_is_insert_only();

CREATE TRIGGER workspaces_event_no_truncate BEFORE TRUNCATE ON workspaces_event
    FOR EACH STATEMENT EXECUTE FUNCTION workspaces_event_is_insert_only();
