-- The project's version grows with whatever the budget answer shows, so an unchanged answer costs one small read.

CREATE TRIGGER budget_project_version AFTER UPDATE ON budget_project WHEN NEW.version IS NOT OLD.version + 1 BEGIN
    UPDATE budget_project SET version = OLD.version + 1 WHERE workspace_id = NEW.workspace_id;
END;

CREATE TRIGGER budget_account_made
    AFTER INSERT ON budget_account BEGIN
    UPDATE budget_project SET version = version + 1 WHERE workspace_id = NEW.project_id;
END;

CREATE TRIGGER budget_account_steered AFTER UPDATE ON budget_account
    WHEN NEW.budget <> OLD.budget OR NEW.human_locked <> OLD.human_locked BEGIN
    UPDATE budget_project SET version = version + 1 WHERE workspace_id = NEW.project_id;
END;

CREATE TRIGGER budget_round_made
    AFTER INSERT ON budget_roundspend BEGIN
    UPDATE budget_project SET version = version + 1 WHERE workspace_id = (SELECT project_id FROM budget_account WHERE id = NEW.account_id);
END;

CREATE TRIGGER budget_round_judged AFTER UPDATE ON budget_roundspend
    WHEN NEW.improvement_score IS NOT OLD.improvement_score BEGIN
    UPDATE budget_project SET version = version + 1 WHERE workspace_id = (SELECT project_id FROM budget_account WHERE id = NEW.account_id);
END;

CREATE TRIGGER budget_round_gone
    AFTER DELETE ON budget_roundspend BEGIN
    UPDATE budget_project SET version = version + 1 WHERE workspace_id = (SELECT project_id FROM budget_account WHERE id = OLD.account_id);
END;
