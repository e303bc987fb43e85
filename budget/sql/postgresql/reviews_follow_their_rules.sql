-- A review's snapshot is frozen, a closed review stays closed, its proposals change only while it is editable,
-- and authors do not decide on their own reviews.

CREATE OR REPLACE FUNCTION budget_review_holds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE'
            OR NEW.project_id IS DISTINCT FROM OLD.project_id
            OR NEW.number IS DISTINCT FROM OLD.number
            OR NEW.period_from IS DISTINCT FROM OLD.period_from
            OR NEW.period_to IS DISTINCT FROM OLD.period_to
            OR NEW.author IS DISTINCT FROM OLD.author
            OR NEW.author_behind IS DISTINCT FROM OLD.author_behind
            OR NEW.created_at IS DISTINCT FROM OLD.created_at
            OR NEW.as_of IS DISTINCT FROM OLD.as_of
            OR NEW.as_of_ledger IS DISTINCT FROM OLD.as_of_ledger
            OR NEW.total_budget IS DISTINCT FROM OLD.total_budget
            OR NEW.max_project_spend IS DISTINCT FROM OLD.max_project_spend
            OR {{changed IS DISTINCT FROM}}
            OR NEW.total_spent IS DISTINCT FROM OLD.total_spent
            OR NEW.held IS DISTINCT FROM OLD.held
            OR NEW.period_spent IS DISTINCT FROM OLD.period_spent
            OR NEW.planned IS DISTINCT FROM OLD.planned
            OR NEW.expected IS DISTINCT FROM OLD.expected THEN
        RAISE EXCEPTION 'muster: the snapshot of a review is frozen' USING ERRCODE = '23514';
    END IF;
    IF OLD.state IN ('approved', 'superseded') THEN RAISE EXCEPTION 'muster: a review that is over stays so' USING ERRCODE = '23514'; END IF;
    IF OLD.state NOT IN ('draft', 'changes_requested') AND NEW.required_approvals <> OLD.required_approvals THEN
        RAISE EXCEPTION 'muster: what is proposed stays as it is while it is being decided' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER budget_review_holds BEFORE UPDATE OR DELETE ON budget_review
    FOR EACH ROW EXECUTE FUNCTION budget_review_holds();

CREATE OR REPLACE FUNCTION budget_proposal_settled() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE of_review text;
BEGIN
    of_review := CASE TG_OP WHEN 'DELETE' THEN OLD.review_id ELSE NEW.review_id END;
    IF NOT EXISTS (SELECT 1 FROM budget_review WHERE id = of_review AND state IN ('draft', 'changes_requested')) THEN
        RAISE EXCEPTION 'muster: what is proposed stays as it is while it is being decided' USING ERRCODE = '23514';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE TRIGGER budget_proposal_settled BEFORE INSERT OR UPDATE OR DELETE ON budget_proposal
    FOR EACH ROW EXECUTE FUNCTION budget_proposal_settled();

CREATE OR REPLACE FUNCTION budget_decision_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM budget_review WHERE id = NEW.review_id AND NEW.reviewer IN (author, author_behind)) THEN
        RAISE EXCEPTION 'muster: nobody decides on their own review' USING ERRCODE = '23514';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM budget_review WHERE id = NEW.review_id AND state = 'open' AND version = NEW.version) THEN
        RAISE EXCEPTION 'muster: a decision is made on the open version of a review' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER budget_decision_allowed BEFORE INSERT ON budget_decision
    FOR EACH ROW EXECUTE FUNCTION budget_decision_allowed();

CREATE OR REPLACE FUNCTION budget_proposal_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.review_id <> OLD.review_id THEN
        RAISE EXCEPTION 'muster: what is proposed stays as it is while it is being decided' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER budget_proposal_stays BEFORE UPDATE ON budget_proposal
    FOR EACH ROW EXECUTE FUNCTION budget_proposal_stays();

CREATE OR REPLACE FUNCTION budget_review_version_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version < OLD.version THEN
        RAISE EXCEPTION 'muster: a decision is made on the open version of a review' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER budget_review_version_grows BEFORE UPDATE ON budget_review
    FOR EACH ROW EXECUTE FUNCTION budget_review_version_grows();
