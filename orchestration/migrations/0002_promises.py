"""Two entries never hold overlapping paths (`a` overlaps all under `a/`, written with its slash or not), and what has ended does not start again: kept by triggers.

On PostgreSQL the trigger takes the executor's row first, as a cycle does, so that two transactions cannot both miss the other's rows.
"""

from django.db import migrations

from workspaces.triggers import sql, without_like_indexes

OVERLAP = "muster: the path is locked by another entry"
ENDED = "muster: a session that has ended stays as it is"

LOCKS = sql(
    postgresql=[
        'ALTER TABLE orchestration_filelock ALTER COLUMN path TYPE varchar(1024) COLLATE "C"',
        # The planner knows nothing of the new rows and would read all locks for each: it is told to probe the index instead.
        f"""CREATE FUNCTION orchestration_locks_do_not_overlap() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
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
            ) THEN RAISE EXCEPTION '{OVERLAP}' USING ERRCODE = '23514'; END IF;
            RETURN NULL;
        END $$""",
        """CREATE TRIGGER orchestration_locks_do_not_overlap AFTER INSERT ON orchestration_filelock
            REFERENCING NEW TABLE AS taken FOR EACH STATEMENT EXECUTE FUNCTION orchestration_locks_do_not_overlap()""",
    ],
    sqlite=[
        f"""CREATE TRIGGER orchestration_locks_do_not_overlap BEFORE INSERT ON orchestration_filelock BEGIN
            SELECT RAISE(ABORT, '{OVERLAP}') WHERE EXISTS (
                SELECT 1 FROM orchestration_filelock l
                WHERE l.workspace_id = NEW.workspace_id AND l.entry_id <> NEW.entry_id AND (
                    substr(rtrim(NEW.path, '/') || '/', 1, length(rtrim(l.path, '/')) + 1) = rtrim(l.path, '/') || '/'
                    OR substr(rtrim(l.path, '/') || '/', 1, length(rtrim(NEW.path, '/')) + 1) = rtrim(NEW.path, '/') || '/'));
        END""",
    ],
)

SESSIONS = sql(
    postgresql=[
        f"""CREATE FUNCTION orchestration_session_stays_ended() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION '{ENDED}' USING ERRCODE = '23514'; END $$""",
        """CREATE TRIGGER orchestration_session_stays_ended BEFORE UPDATE ON orchestration_session FOR EACH ROW
            WHEN (OLD.status = 'ended' AND NEW.status <> 'ended') EXECUTE FUNCTION orchestration_session_stays_ended()""",
    ],
    sqlite=[
        f"""CREATE TRIGGER orchestration_session_stays_ended BEFORE UPDATE ON orchestration_session
            WHEN OLD.status = 'ended' AND NEW.status <> 'ended' BEGIN SELECT RAISE(ABORT, '{ENDED}'); END""",
    ],
)


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0001_initial")]
    operations = [LOCKS, SESSIONS, without_like_indexes("orchestration")]
