-- No amount in the ledger changes or disappears; a correction is another row.

CREATE TRIGGER budget_ledgerentry_no_update
    BEFORE UPDATE ON budget_ledgerentry BEGIN
    SELECT RAISE(ABORT, 'muster: the ledger is insert-only');
END;

CREATE TRIGGER budget_ledgerentry_no_delete
    BEFORE DELETE ON budget_ledgerentry BEGIN
    SELECT RAISE(ABORT, 'muster: the ledger is insert-only');
END;
