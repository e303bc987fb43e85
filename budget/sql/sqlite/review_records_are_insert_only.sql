-- What a review froze, what was said and what was decided stays as it is.

CREATE TRIGGER budget_reviewline_no_update
    BEFORE UPDATE ON budget_reviewline BEGIN
    SELECT RAISE(ABORT, 'muster: the snapshot of a review is frozen');
END;

CREATE TRIGGER budget_reviewline_no_delete
    BEFORE DELETE ON budget_reviewline BEGIN
    SELECT RAISE(ABORT, 'muster: the snapshot of a review is frozen');
END;

CREATE TRIGGER budget_comment_no_update
    BEFORE UPDATE ON budget_comment BEGIN
    SELECT RAISE(ABORT, 'muster: what was said stays said');
END;

CREATE TRIGGER budget_comment_no_delete
    BEFORE DELETE ON budget_comment BEGIN
    SELECT RAISE(ABORT, 'muster: what was said stays said');
END;

CREATE TRIGGER budget_decision_no_update
    BEFORE UPDATE ON budget_decision BEGIN
    SELECT RAISE(ABORT, 'muster: what was decided stays decided');
END;

CREATE TRIGGER budget_decision_no_delete
    BEFORE DELETE ON budget_decision BEGIN
    SELECT RAISE(ABORT, 'muster: what was decided stays decided');
END;
