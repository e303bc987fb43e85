-- A deleted entry leaves the budget answer: the project's version grows.

CREATE TRIGGER orchestration_entry_gone AFTER UPDATE ON orchestration_entry
    WHEN NEW.deleted_at IS NOT OLD.deleted_at BEGIN
    UPDATE budget_project SET version = version + 1 WHERE workspace_id = NEW.workspace_id;
END;
