-- A reservation that would pass the entry's budget, the project's cap or a limit is refused; a settled one stays settled.
-- What awaits its host is reserved like what is open.
-- A cycle opens hundreds of reservations in one statement: the counters move once for all of them.
-- Triggers of one event run in the order of their names, so budget_holds_in_order locks the accounts before budget_holds_open.
-- budget_hold_moves ignores what a ledger row draws: that is counted with the row.

CREATE OR REPLACE FUNCTION budget_holds_open() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wanted bigint; granted bigint;
BEGIN
    SELECT count(DISTINCT account_id) INTO wanted FROM opened WHERE state = 'open';
    WITH sums AS (SELECT account_id, sum(amount) AS amount FROM opened WHERE state = 'open' GROUP BY account_id),
        moved AS (UPDATE budget_account a SET held = a.held + sums.amount FROM sums
        WHERE a.id = sums.account_id AND a.spent + a.held + sums.amount <= a.budget RETURNING 1)
        SELECT count(*) INTO granted FROM moved;
    IF granted < wanted THEN RAISE EXCEPTION 'muster: entry budget reached' USING ERRCODE = '23514'; END IF;
    SELECT count(DISTINCT project_id) INTO wanted FROM opened WHERE state = 'open';
    WITH sums AS (SELECT project_id, sum(amount) AS amount FROM opened WHERE state = 'open' GROUP BY project_id),
        moved AS (UPDATE budget_project p SET held = p.held + sums.amount FROM sums
        WHERE p.workspace_id = sums.project_id
        AND {{total p}}
        + p.held + sums.amount <= p.max_project_spend RETURNING 1)
        SELECT count(*) INTO granted FROM moved;
    IF granted < wanted THEN RAISE EXCEPTION 'muster: project cap reached' USING ERRCODE = '23514'; END IF;
    -- A statement of its own, after the lock: it sees what everybody before us has committed.
    IF EXISTS (SELECT 1 FROM budget_limit l
            WHERE EXISTS (SELECT 1 FROM opened o WHERE o.state = 'open' AND o.project_id = l.project_id AND l.category IN ('total', o.category))
            AND (CASE l.period WHEN 'day' THEN
                    coalesce((SELECT sum(d.amount) FROM budget_dayspend d WHERE d.project_id = l.project_id
                            AND d.day = (now() AT TIME ZONE 'UTC')::date AND (l.category = 'total' OR d.category = l.category)), 0)
                ELSE (SELECT {{spent l.category p}}
                        FROM budget_project p WHERE p.workspace_id = l.project_id) END)
            + coalesce((SELECT sum(CASE WHEN h.amount > h.drawn THEN h.amount - h.drawn ELSE 0 END)
                    FROM budget_hold h WHERE h.project_id = l.project_id AND h.state IN ('open', 'awaiting')
                    AND (l.category = 'total' OR h.category = l.category)), 0) > l.amount)
            THEN RAISE EXCEPTION 'muster: limit reached' USING ERRCODE = '23514'; END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER budget_holds_open AFTER INSERT ON budget_hold REFERENCING NEW TABLE AS opened
    FOR EACH STATEMENT EXECUTE FUNCTION budget_holds_open();

CREATE OR REPLACE FUNCTION budget_hold_moves() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE change bigint;
BEGIN
    IF OLD.state <> NEW.state AND (OLD.state = 'settled' OR NEW.state = 'open') THEN
        RAISE EXCEPTION 'muster: a settled hold stays settled' USING ERRCODE = '23514';
    END IF;
    change := CASE WHEN NEW.state IN ('open', 'awaiting') THEN greatest(NEW.amount - NEW.drawn, 0) ELSE 0 END
        - CASE WHEN OLD.state IN ('open', 'awaiting') THEN greatest(OLD.amount - OLD.drawn, 0) ELSE 0 END;
    IF change <> 0 THEN
        IF NEW.account_id IS NOT NULL THEN
            UPDATE budget_account SET held = held + change
                WHERE id = NEW.account_id AND (NEW.amount <= OLD.amount OR spent + held + change <= budget);
            IF NOT FOUND THEN RAISE EXCEPTION 'muster: entry budget reached' USING ERRCODE = '23514'; END IF;
        END IF;
        UPDATE budget_project SET held = held + change
            WHERE workspace_id = NEW.project_id AND (NEW.amount <= OLD.amount OR
            {{total}} + held + change <= max_project_spend);
        IF NOT FOUND THEN RAISE EXCEPTION 'muster: project cap reached' USING ERRCODE = '23514'; END IF;
        IF NEW.state = 'open' AND NEW.amount > OLD.amount AND EXISTS (SELECT 1 FROM budget_limit l
                WHERE l.project_id = NEW.project_id AND l.category IN ('total', NEW.category)
                AND (CASE l.period WHEN 'day' THEN
                        coalesce((SELECT sum(d.amount) FROM budget_dayspend d WHERE d.project_id = l.project_id
                                AND d.day = (now() AT TIME ZONE 'UTC')::date AND (l.category = 'total' OR d.category = l.category)), 0)
                    ELSE (SELECT {{spent l.category p}}
                            FROM budget_project p WHERE p.workspace_id = l.project_id) END)
                + coalesce((SELECT sum(CASE WHEN h.amount > h.drawn THEN h.amount - h.drawn ELSE 0 END)
                        FROM budget_hold h WHERE h.project_id = l.project_id AND h.state IN ('open', 'awaiting')
                        AND (l.category = 'total' OR h.category = l.category)), 0) > l.amount)
                THEN RAISE EXCEPTION 'muster: limit reached' USING ERRCODE = '23514'; END IF;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER budget_hold_moves AFTER UPDATE ON budget_hold
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION budget_hold_moves();

CREATE OR REPLACE FUNCTION budget_holds_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM budget_account WHERE id IN (SELECT account_id FROM opened WHERE state = 'open') ORDER BY id FOR NO KEY UPDATE;
    RETURN NULL;
END $$;

CREATE TRIGGER budget_holds_in_order AFTER INSERT ON budget_hold REFERENCING NEW TABLE AS opened
    FOR EACH STATEMENT EXECUTE FUNCTION budget_holds_in_order();
