-- A warning threshold fires once when spending crosses it, and again only after a raised cap re-arms it.

CREATE TRIGGER budget_thresholds AFTER UPDATE ON budget_project
    WHEN ({{total NEW}})
    <> ({{total OLD}})
    OR NEW.max_project_spend <> OLD.max_project_spend OR NEW.thresholds <> OLD.thresholds BEGIN
    UPDATE budget_thresholdcrossing SET rearmed_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
        WHERE project_id = NEW.workspace_id AND rearmed_at IS NULL AND NEW.max_project_spend > OLD.max_project_spend
        AND ({{total NEW}}) * 100 < percent * NEW.max_project_spend;
    INSERT INTO budget_thresholdcrossing (project_id, percent, cap, spent, at)
        SELECT NEW.workspace_id, t.percent, NEW.max_project_spend,
        ({{total NEW}}), strftime('%Y-%m-%d %H:%M:%f', 'now')
        FROM (SELECT CAST(value AS integer) AS percent FROM json_each(NEW.thresholds)) t
        WHERE ({{total NEW}}) > 0
        AND ({{total NEW}}) * 100 >= t.percent * NEW.max_project_spend
        AND NOT EXISTS (SELECT 1 FROM budget_thresholdcrossing c WHERE c.project_id = NEW.workspace_id AND c.percent = t.percent
            AND c.rearmed_at IS NULL) ORDER BY t.percent;
END;

CREATE TRIGGER budget_threshold_is_crossed AFTER INSERT ON budget_thresholdcrossing BEGIN
    INSERT INTO workspaces_event (workspace_id, at, actor, actor_kind, verb, object_id, data, reason, request_id) VALUES (
        NEW.project_id, strftime('%Y-%m-%d %H:%M:%f', 'now'), 'muster', 'automation', 'budget.threshold', NEW.project_id,
        json_object('percent', NEW.percent, 'spent_usd', NEW.spent / 1000000.0, 'cap_usd', NEW.cap / 1000000.0), '', '');
END;
