-- A limit records the day it is reached, once a day (over the whole life: once until it is raised), and writes an event.

CREATE OR REPLACE FUNCTION budget_limit_is_set() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE budget_limit SET reached_on = (now() AT TIME ZONE 'UTC')::date WHERE id = NEW.id
        AND (reached_on IS NULL OR (period = 'day' AND reached_on < (now() AT TIME ZONE 'UTC')::date))
        AND amount <= (CASE budget_limit.period WHEN 'day' THEN
            coalesce((SELECT sum(d.amount) FROM budget_dayspend d WHERE d.project_id = budget_limit.project_id
                    AND d.day = (now() AT TIME ZONE 'UTC')::date AND (budget_limit.category = 'total' OR d.category = budget_limit.category)), 0)
        ELSE (SELECT {{spent budget_limit.category p}}
                FROM budget_project p WHERE p.workspace_id = budget_limit.project_id) END);
    RETURN NULL;
END $$;

CREATE TRIGGER budget_limit_is_set AFTER INSERT OR UPDATE OF amount ON budget_limit
    FOR EACH ROW EXECUTE FUNCTION budget_limit_is_set();

CREATE OR REPLACE FUNCTION budget_limit_is_reached() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO workspaces_event (workspace_id, at, actor, actor_kind, verb, object_id, data, reason, request_id) VALUES (
        NEW.project_id, now(), 'muster', 'automation', 'budget.limit', NEW.project_id,
        jsonb_build_object('category', NEW.category, 'period', NEW.period, 'limit_usd', trim_scale(NEW.amount::numeric / 1000000)), '', '');
    RETURN NULL;
END $$;

CREATE TRIGGER budget_limit_is_reached AFTER UPDATE OF reached_on ON budget_limit FOR EACH ROW
    WHEN (NEW.reached_on > coalesce(OLD.reached_on, '-infinity'::date))
    EXECUTE FUNCTION budget_limit_is_reached();
