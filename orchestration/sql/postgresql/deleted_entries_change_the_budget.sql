-- A deleted entry leaves the budget answer: the project's version grows.

CREATE OR REPLACE FUNCTION orchestration_entry_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE budget_project SET version = version + 1 WHERE workspace_id = NEW.workspace_id;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER orchestration_entry_gone AFTER UPDATE ON orchestration_entry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.deleted_at IS DISTINCT FROM OLD.deleted_at) EXECUTE FUNCTION orchestration_entry_gone();
