-- No amount in the ledger changes or disappears; a correction is another row.

CREATE OR REPLACE FUNCTION budget_ledgerentry_is_insert_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'muster: the ledger is insert-only' USING ERRCODE = '23514'; END $$;

CREATE TRIGGER budget_ledgerentry_no_change BEFORE UPDATE OR DELETE ON budget_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION budget_ledgerentry_is_insert_only();

CREATE TRIGGER budget_ledgerentry_no_truncate BEFORE TRUNCATE ON budget_ledgerentry
    FOR EACH STATEMENT EXECUTE FUNCTION budget_ledgerentry_is_insert_only();
