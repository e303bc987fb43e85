"""Two entries never hold overlapping paths (`a` overlaps all under `a/`, written with its slash or not), and what has ended does not start again: kept by triggers.

On PostgreSQL the trigger takes the executor's row first, as a cycle does, so that two transactions cannot both miss the other's rows.
"""

from django.db import migrations

from workspaces.triggers import sql

OVERLAP = "muster: the path is locked by another entry"
ENDED = "muster: a session that has ended stays as it is"

LOCKS = sql(
    postgresql=[
        'ALTER TABLE orchestration_filelock ALTER COLUMN path TYPE varchar(1024) COLLATE "C"',
        f"""CREATE FUNCTION orchestration_locks_do_not_overlap() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            fresh record;
            name text COLLATE "C";
            part text;
            above text[] COLLATE "C";
        BEGIN
            PERFORM 1 FROM orchestration_executor WHERE workspace_id IN (SELECT workspace_id FROM taken) FOR UPDATE;
            -- A loop of two index probes a row: set-based, the planner knows nothing of the rows and reads the whole table for each.
            FOR fresh IN SELECT workspace_id, path, entry_id FROM taken LOOP
                name := '';
                above := '{{}}';
                FOREACH part IN ARRAY string_to_array(rtrim(fresh.path, '/'), '/') LOOP
                    above := above || (name || part);
                    name := name || part || '/';
                    above := above || name;
                END LOOP;
                PERFORM 1 FROM orchestration_filelock l
                    WHERE l.workspace_id = fresh.workspace_id AND l.path = ANY(above) AND l.entry_id <> fresh.entry_id
                UNION ALL
                SELECT 1 FROM orchestration_filelock l
                    WHERE l.workspace_id = fresh.workspace_id AND l.path > name AND l.path < rtrim(name, '/') || '0'
                        AND l.entry_id <> fresh.entry_id
                LIMIT 1;
                IF FOUND THEN RAISE EXCEPTION '{OVERLAP}' USING ERRCODE = '23514'; END IF;
            END LOOP;
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
    operations = [LOCKS, SESSIONS]
