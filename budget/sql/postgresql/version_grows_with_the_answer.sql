-- The project's version grows with whatever the budget answer shows, so an unchanged answer costs one small read.
-- Counted at the commit, once a transaction and project: the project's row stays the last that any transaction locks.

CREATE OR REPLACE FUNCTION budget_project_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.version := OLD.version + 1; RETURN NEW; END $$;

CREATE TRIGGER budget_project_version
    BEFORE UPDATE ON budget_project
    FOR EACH ROW EXECUTE FUNCTION budget_project_version();

CREATE OR REPLACE FUNCTION budget_version_grows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE project text; grown text;
BEGIN
    IF TG_TABLE_NAME = 'budget_account' THEN project := NEW.project_id;
    ELSE SELECT project_id INTO project FROM budget_account WHERE id = NEW.account_id; END IF;
    grown := coalesce(current_setting('muster.grown', true), '');
    IF project IS NOT NULL AND position(project in grown) = 0 THEN
        PERFORM set_config('muster.grown', grown || ' ' || project, true);
        UPDATE budget_project SET version = version + 1 WHERE workspace_id = project;
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER budget_account_made
    AFTER INSERT ON budget_account DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION budget_version_grows();

CREATE CONSTRAINT TRIGGER budget_account_steered
    AFTER UPDATE ON budget_account DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.budget <> OLD.budget OR NEW.human_locked <> OLD.human_locked) EXECUTE FUNCTION budget_version_grows();

CREATE CONSTRAINT TRIGGER budget_round_made
    AFTER INSERT ON budget_roundspend DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION budget_version_grows();

CREATE CONSTRAINT TRIGGER budget_round_judged
    AFTER UPDATE ON budget_roundspend DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.improvement_score IS DISTINCT FROM OLD.improvement_score) EXECUTE FUNCTION budget_version_grows();

CREATE OR REPLACE FUNCTION budget_round_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE budget_project SET version = version + 1 WHERE workspace_id = (SELECT project_id FROM budget_account WHERE id = OLD.account_id);
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER budget_round_gone AFTER DELETE ON budget_roundspend DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION budget_round_gone();
