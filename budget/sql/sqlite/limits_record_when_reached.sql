-- A limit records the day it is reached, once a day (over the whole life: once until it is raised), and writes an event.
-- SQLite promises no order among the triggers of one event: these need the counters' new values,
-- so they hang on the rows that the counters write.

CREATE TRIGGER budget_days_mark_limits_new AFTER INSERT ON budget_dayspend BEGIN
    UPDATE budget_limit SET reached_on = date('now') WHERE project_id = NEW.project_id AND category IN ('total', NEW.category) AND period = 'day'
        AND (reached_on IS NULL OR (period = 'day' AND reached_on < date('now')))
        AND amount <= (CASE budget_limit.period WHEN 'day' THEN
            coalesce((SELECT sum(d.amount) FROM budget_dayspend d WHERE d.project_id = budget_limit.project_id
                    AND d.day = date('now') AND (budget_limit.category = 'total' OR d.category = budget_limit.category)), 0)
        ELSE (SELECT {{spent budget_limit.category p}}
                FROM budget_project p WHERE p.workspace_id = budget_limit.project_id) END);
END;

CREATE TRIGGER budget_days_mark_limits AFTER UPDATE OF amount ON budget_dayspend BEGIN
    UPDATE budget_limit SET reached_on = date('now') WHERE project_id = NEW.project_id AND category IN ('total', NEW.category) AND period = 'day'
        AND (reached_on IS NULL OR (period = 'day' AND reached_on < date('now')))
        AND amount <= (CASE budget_limit.period WHEN 'day' THEN
            coalesce((SELECT sum(d.amount) FROM budget_dayspend d WHERE d.project_id = budget_limit.project_id
                    AND d.day = date('now') AND (budget_limit.category = 'total' OR d.category = budget_limit.category)), 0)
        ELSE (SELECT {{spent budget_limit.category p}}
                FROM budget_project p WHERE p.workspace_id = budget_limit.project_id) END);
END;

CREATE TRIGGER budget_project_marks_limits
    AFTER UPDATE OF {{columns}} ON budget_project BEGIN
    UPDATE budget_limit SET reached_on = date('now') WHERE project_id = NEW.workspace_id AND period = 'all'
        AND (reached_on IS NULL OR (period = 'day' AND reached_on < date('now')))
        AND amount <= (CASE budget_limit.period WHEN 'day' THEN
            coalesce((SELECT sum(d.amount) FROM budget_dayspend d WHERE d.project_id = budget_limit.project_id
                    AND d.day = date('now') AND (budget_limit.category = 'total' OR d.category = budget_limit.category)), 0)
        ELSE (SELECT {{spent budget_limit.category p}}
                FROM budget_project p WHERE p.workspace_id = budget_limit.project_id) END);
END;

CREATE TRIGGER budget_limit_is_made AFTER INSERT ON budget_limit BEGIN
    UPDATE budget_limit SET reached_on = date('now') WHERE id = NEW.id
        AND (reached_on IS NULL OR (period = 'day' AND reached_on < date('now')))
        AND amount <= (CASE budget_limit.period WHEN 'day' THEN
            coalesce((SELECT sum(d.amount) FROM budget_dayspend d WHERE d.project_id = budget_limit.project_id
                    AND d.day = date('now') AND (budget_limit.category = 'total' OR d.category = budget_limit.category)), 0)
        ELSE (SELECT {{spent budget_limit.category p}}
                FROM budget_project p WHERE p.workspace_id = budget_limit.project_id) END);
END;

CREATE TRIGGER budget_limit_is_set AFTER UPDATE OF amount ON budget_limit BEGIN
    UPDATE budget_limit SET reached_on = date('now') WHERE id = NEW.id
        AND (reached_on IS NULL OR (period = 'day' AND reached_on < date('now')))
        AND amount <= (CASE budget_limit.period WHEN 'day' THEN
            coalesce((SELECT sum(d.amount) FROM budget_dayspend d WHERE d.project_id = budget_limit.project_id
                    AND d.day = date('now') AND (budget_limit.category = 'total' OR d.category = budget_limit.category)), 0)
        ELSE (SELECT {{spent budget_limit.category p}}
                FROM budget_project p WHERE p.workspace_id = budget_limit.project_id) END);
END;

CREATE TRIGGER budget_limit_is_reached AFTER UPDATE OF reached_on ON budget_limit
    WHEN NEW.reached_on > coalesce(OLD.reached_on, '') BEGIN
    INSERT INTO workspaces_event (workspace_id, at, actor, actor_kind, verb, object_id, data, reason, request_id) VALUES (
        NEW.project_id, strftime('%Y-%m-%d %H:%M:%f', 'now'), 'muster', 'automation', 'budget.limit', NEW.project_id,
        json_object('category', NEW.category, 'period', NEW.period, 'limit_usd', NEW.amount / 1000000.0), '', '');
END;
