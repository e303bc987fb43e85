-- Two entries never lock overlapping paths: `a` overlaps everything under `a/`.
-- The trigger locks the executor's row first, as a cycle does, so that two transactions cannot both miss the other's rows.
-- The planner knows nothing of the new rows and would read all locks for each: without seqscan it probes the index.

CREATE OR REPLACE FUNCTION orchestration_locks_do_not_overlap() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
    PERFORM 1 FROM orchestration_executor WHERE workspace_id IN (SELECT workspace_id FROM taken) FOR UPDATE;
    IF EXISTS (
            SELECT 1 FROM taken t
            CROSS JOIN LATERAL (SELECT string_to_array(rtrim(t.path, '/'), '/') AS parts) s
            CROSS JOIN LATERAL generate_series(1, cardinality(s.parts)) depth
            CROSS JOIN LATERAL (VALUES (''), ('/')) slash(mark)
            CROSS JOIN LATERAL (
                SELECT 1 FROM orchestration_filelock l WHERE l.workspace_id = t.workspace_id AND l.entry_id <> t.entry_id
                AND l.path = (array_to_string(s.parts[1:depth], '/') || slash.mark) COLLATE "C" LIMIT 1) above
        ) OR EXISTS (
            SELECT 1 FROM taken t
            CROSS JOIN LATERAL (
                SELECT 1 FROM orchestration_filelock l WHERE l.workspace_id = t.workspace_id AND l.entry_id <> t.entry_id
                AND l.path > (rtrim(t.path, '/') || '/') COLLATE "C" AND l.path < (rtrim(t.path, '/') || '0') COLLATE "C"
                LIMIT 1) below
        ) THEN RAISE EXCEPTION 'muster: the path is locked by another entry' USING ERRCODE = '23514'; END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER orchestration_locks_do_not_overlap AFTER INSERT ON orchestration_filelock
    REFERENCING NEW TABLE AS taken FOR EACH STATEMENT EXECUTE FUNCTION orchestration_locks_do_not_overlap();
