-- A child's parent is set when it is added and never changes, so that the tree has no cycle. It stands one below its parent, in the same
-- workspace. A container has no open session of its own, neither when it is split nor afterwards.

CREATE OR REPLACE FUNCTION orchestration_child_below_parent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM orchestration_entry p WHERE p.id = NEW.parent_id AND p.workspace_id = NEW.workspace_id
            AND p.depth + 1 = NEW.depth AND p.id <> NEW.id) THEN
        RAISE EXCEPTION 'muster: a child stands one below its parent' USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER orchestration_child_below_parent AFTER INSERT ON orchestration_entry
    FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL) EXECUTE FUNCTION orchestration_child_below_parent();

CREATE OR REPLACE FUNCTION orchestration_parent_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'muster: the parent of an entry never changes' USING ERRCODE = '23514'; END $$;

CREATE TRIGGER orchestration_parent_stays BEFORE UPDATE ON orchestration_entry FOR EACH ROW
    WHEN (NEW.parent_id IS DISTINCT FROM OLD.parent_id OR NEW.depth <> OLD.depth) EXECUTE FUNCTION orchestration_parent_stays();

CREATE OR REPLACE FUNCTION orchestration_container_at_rest() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM orchestration_session s WHERE s.entry_id = NEW.id AND s.status <> 'ended') THEN
        RAISE EXCEPTION 'muster: an entry with an open session cannot be split' USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER orchestration_container_at_rest AFTER UPDATE ON orchestration_entry FOR EACH ROW
    WHEN (NEW.is_container AND NOT OLD.is_container) EXECUTE FUNCTION orchestration_container_at_rest();

CREATE OR REPLACE FUNCTION orchestration_containers_have_no_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM opened o JOIN orchestration_entry e ON e.id = o.entry_id
            WHERE e.is_container AND o.role = 'implement' AND o.status <> 'ended') THEN
        RAISE EXCEPTION 'muster: a container has no session of its own' USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER orchestration_containers_have_no_session AFTER INSERT ON orchestration_session REFERENCING NEW TABLE AS opened
    FOR EACH STATEMENT EXECUTE FUNCTION orchestration_containers_have_no_session();
