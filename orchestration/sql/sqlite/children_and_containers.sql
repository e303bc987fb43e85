-- A child's parent is set when it is added and never changes, so that the tree has no cycle. It stands one below its parent, in the same
-- workspace. A container has no open session of its own, neither when it is split nor afterwards.

CREATE TRIGGER orchestration_child_below_parent AFTER INSERT ON orchestration_entry
    WHEN NEW.parent_id IS NOT NULL BEGIN
    SELECT RAISE(ABORT, 'muster: a child stands one below its parent') WHERE NOT EXISTS (
        SELECT 1 FROM orchestration_entry p WHERE p.id = NEW.parent_id AND p.workspace_id = NEW.workspace_id
        AND p.depth + 1 = NEW.depth AND p.id <> NEW.id);
END;

CREATE TRIGGER orchestration_parent_stays BEFORE UPDATE ON orchestration_entry
    WHEN NEW.parent_id IS NOT OLD.parent_id OR NEW.depth <> OLD.depth BEGIN
    SELECT RAISE(ABORT, 'muster: the parent of an entry never changes');
END;

CREATE TRIGGER orchestration_container_at_rest AFTER UPDATE ON orchestration_entry
    WHEN NEW.is_container AND NOT OLD.is_container BEGIN
    SELECT RAISE(ABORT, 'muster: an entry with an open session cannot be split') WHERE EXISTS (
        SELECT 1 FROM orchestration_session s WHERE s.entry_id = NEW.id AND s.status <> 'ended');
END;

CREATE TRIGGER orchestration_containers_have_no_session AFTER INSERT ON orchestration_session
    WHEN NEW.role = 'implement' AND NEW.status <> 'ended' BEGIN
    SELECT RAISE(ABORT, 'muster: a container has no session of its own') WHERE EXISTS (
        SELECT 1 FROM orchestration_entry e WHERE e.id = NEW.entry_id AND e.is_container);
END;
