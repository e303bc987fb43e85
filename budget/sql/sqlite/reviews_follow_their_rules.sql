-- A review's snapshot is frozen, a closed review stays closed, its proposals change only while it is editable,
-- and authors do not decide on their own reviews.

CREATE TRIGGER budget_review_stays
    BEFORE DELETE ON budget_review BEGIN
    SELECT RAISE(ABORT, 'muster: the snapshot of a review is frozen');
END;

CREATE TRIGGER budget_review_frozen BEFORE UPDATE ON budget_review WHEN NEW.project_id IS NOT OLD.project_id
    OR NEW.number IS NOT OLD.number
    OR NEW.period_from IS NOT OLD.period_from
    OR NEW.period_to IS NOT OLD.period_to
    OR NEW.author IS NOT OLD.author
    OR NEW.author_behind IS NOT OLD.author_behind
    OR NEW.created_at IS NOT OLD.created_at
    OR NEW.as_of IS NOT OLD.as_of
    OR NEW.as_of_ledger IS NOT OLD.as_of_ledger
    OR NEW.total_budget IS NOT OLD.total_budget
    OR NEW.max_project_spend IS NOT OLD.max_project_spend
    OR {{changed IS NOT}}
    OR NEW.total_spent IS NOT OLD.total_spent
    OR NEW.held IS NOT OLD.held
    OR NEW.period_spent IS NOT OLD.period_spent
    OR NEW.planned IS NOT OLD.planned
    OR NEW.expected IS NOT OLD.expected BEGIN
    SELECT RAISE(ABORT, 'muster: the snapshot of a review is frozen');
END;

CREATE TRIGGER budget_review_closed BEFORE UPDATE ON budget_review WHEN OLD.state IN ('approved', 'superseded') BEGIN
    SELECT RAISE(ABORT, 'muster: a review that is over stays so');
END;

CREATE TRIGGER budget_review_settled BEFORE UPDATE ON budget_review
    WHEN OLD.state NOT IN ('draft', 'changes_requested') AND NEW.required_approvals <> OLD.required_approvals BEGIN
    SELECT RAISE(ABORT, 'muster: what is proposed stays as it is while it is being decided');
END;

CREATE TRIGGER budget_proposal_settled_insert BEFORE INSERT ON budget_proposal
    WHEN NOT EXISTS (SELECT 1 FROM budget_review WHERE id = NEW.review_id AND state IN ('draft', 'changes_requested')) BEGIN
    SELECT RAISE(ABORT, 'muster: what is proposed stays as it is while it is being decided');
END;

CREATE TRIGGER budget_proposal_settled_update BEFORE UPDATE ON budget_proposal
    WHEN NOT EXISTS (SELECT 1 FROM budget_review WHERE id = NEW.review_id AND state IN ('draft', 'changes_requested')) BEGIN
    SELECT RAISE(ABORT, 'muster: what is proposed stays as it is while it is being decided');
END;

CREATE TRIGGER budget_proposal_settled_delete BEFORE DELETE ON budget_proposal
    WHEN NOT EXISTS (SELECT 1 FROM budget_review WHERE id = OLD.review_id AND state IN ('draft', 'changes_requested')) BEGIN
    SELECT RAISE(ABORT, 'muster: what is proposed stays as it is while it is being decided');
END;

CREATE TRIGGER budget_decision_allowed BEFORE INSERT ON budget_decision BEGIN
    SELECT RAISE(ABORT, 'muster: nobody decides on their own review') WHERE EXISTS (
        SELECT 1 FROM budget_review WHERE id = NEW.review_id AND NEW.reviewer IN (author, author_behind));
    SELECT RAISE(ABORT, 'muster: a decision is made on the open version of a review') WHERE NOT EXISTS (
        SELECT 1 FROM budget_review WHERE id = NEW.review_id AND state = 'open' AND version = NEW.version);
END;

CREATE TRIGGER budget_proposal_stays BEFORE UPDATE ON budget_proposal WHEN NEW.review_id <> OLD.review_id BEGIN
    SELECT RAISE(ABORT, 'muster: what is proposed stays as it is while it is being decided');
END;

CREATE TRIGGER budget_review_version_grows BEFORE UPDATE ON budget_review WHEN NEW.version < OLD.version BEGIN
    SELECT RAISE(ABORT, 'muster: a decision is made on the open version of a review');
END;
