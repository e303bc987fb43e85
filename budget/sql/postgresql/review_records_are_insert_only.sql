-- What a review froze, what was said and what was decided stays as it is.

CREATE OR REPLACE FUNCTION budget_reviewline_is_insert_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'muster: the snapshot of a review is frozen' USING ERRCODE = '23514'; END $$;

CREATE TRIGGER budget_reviewline_no_change BEFORE UPDATE OR DELETE ON budget_reviewline
    FOR EACH ROW EXECUTE FUNCTION budget_reviewline_is_insert_only();

CREATE TRIGGER budget_reviewline_no_truncate BEFORE TRUNCATE ON budget_reviewline
    FOR EACH STATEMENT EXECUTE FUNCTION budget_reviewline_is_insert_only();

CREATE OR REPLACE FUNCTION budget_comment_is_insert_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'muster: what was said stays said' USING ERRCODE = '23514'; END $$;

CREATE TRIGGER budget_comment_no_change BEFORE UPDATE OR DELETE ON budget_comment
    FOR EACH ROW EXECUTE FUNCTION budget_comment_is_insert_only();

CREATE TRIGGER budget_comment_no_truncate BEFORE TRUNCATE ON budget_comment
    FOR EACH STATEMENT EXECUTE FUNCTION budget_comment_is_insert_only();

CREATE OR REPLACE FUNCTION budget_decision_is_insert_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'muster: what was decided stays decided' USING ERRCODE = '23514'; END $$;

CREATE TRIGGER budget_decision_no_change BEFORE UPDATE OR DELETE ON budget_decision
    FOR EACH ROW EXECUTE FUNCTION budget_decision_is_insert_only();

CREATE TRIGGER budget_decision_no_truncate BEFORE TRUNCATE ON budget_decision
    FOR EACH STATEMENT EXECUTE FUNCTION budget_decision_is_insert_only();
