-- Each event makes a delivery for each enabled channel of its workspace that wants its verb, in the same transaction.

CREATE TRIGGER workspaces_event_tells AFTER INSERT ON workspaces_event BEGIN
    INSERT INTO workspaces_delivery (channel_id, event_id, state, attempts, answer)
        SELECT c.id, NEW.id, 'pending', 0, '' FROM workspaces_channelverb v
        JOIN workspaces_channel c ON c.id = v.channel_id AND c.workspace_id = NEW.workspace_id AND c.enabled
        WHERE v.verb = NEW.verb
        ON CONFLICT (channel_id, event_id) DO NOTHING;
END;
