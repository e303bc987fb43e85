-- A warning threshold fires once when spending crosses it, and again only after a raised cap re-arms it.

CREATE OR REPLACE FUNCTION budget_thresholds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE budget_thresholdcrossing SET rearmed_at = now()
        WHERE project_id = NEW.workspace_id AND rearmed_at IS NULL AND NEW.max_project_spend > OLD.max_project_spend
        AND ({{total NEW}}) * 100 < percent * NEW.max_project_spend;
    INSERT INTO budget_thresholdcrossing (project_id, percent, cap, spent, at)
        SELECT NEW.workspace_id, t.percent, NEW.max_project_spend,
        ({{total NEW}}), now()
        FROM (SELECT value::int AS percent FROM jsonb_array_elements_text(NEW.thresholds)) t
        WHERE ({{total NEW}}) > 0
        AND ({{total NEW}}) * 100 >= t.percent * NEW.max_project_spend
        AND NOT EXISTS (SELECT 1 FROM budget_thresholdcrossing c WHERE c.project_id = NEW.workspace_id AND c.percent = t.percent
            AND c.rearmed_at IS NULL) ORDER BY t.percent;
    RETURN NULL;
END $$;

CREATE TRIGGER budget_thresholds AFTER UPDATE ON budget_project FOR EACH ROW
    WHEN (({{total NEW}})
    <> ({{total OLD}})
    OR NEW.max_project_spend <> OLD.max_project_spend OR NEW.thresholds <> OLD.thresholds)
    EXECUTE FUNCTION budget_thresholds();

CREATE OR REPLACE FUNCTION budget_threshold_is_crossed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO workspaces_event (workspace_id, at, actor, actor_kind, verb, object_id, data, reason, request_id) VALUES (
        NEW.project_id, now(), 'muster', 'automation', 'budget.threshold', NEW.project_id,
        jsonb_build_object('percent', NEW.percent, 'spent_usd', trim_scale(NEW.spent::numeric / 1000000),
            'cap_usd', trim_scale(NEW.cap::numeric / 1000000)), '', '');
    RETURN NULL;
END $$;

CREATE TRIGGER budget_threshold_is_crossed AFTER INSERT ON budget_thresholdcrossing
    FOR EACH ROW EXECUTE FUNCTION budget_threshold_is_crossed();
