-- Each event makes a delivery for each enabled channel of its workspace that wants its verb, in the same transaction.
-- FOR KEY SHARE keeps each channel until the commit. Otherwise a channel deleted meanwhile breaks the delivery's foreign key,
-- and with it whatever was recorded: a charge, for example.

CREATE OR REPLACE FUNCTION workspaces_event_tells() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO workspaces_delivery (channel_id, event_id, state, attempts, answer)
        SELECT c.id, e.id, 'pending', 0, '' FROM written e
        JOIN workspaces_channelverb v ON v.verb = e.verb
        JOIN workspaces_channel c ON c.id = v.channel_id AND c.workspace_id = e.workspace_id AND c.enabled
        FOR KEY SHARE OF c
        ON CONFLICT (channel_id, event_id) DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER workspaces_event_tells AFTER INSERT ON workspaces_event REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION workspaces_event_tells();
