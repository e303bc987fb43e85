-- A reservation that would pass the entry's budget, the project's cap or a limit is refused; a settled one stays settled.
-- What awaits its host is reserved like what is open.

CREATE TRIGGER budget_holds_open AFTER INSERT ON budget_hold WHEN NEW.state = 'open' BEGIN
    UPDATE budget_account SET held = held + NEW.amount WHERE id = NEW.account_id;
    SELECT RAISE(ABORT, 'muster: entry budget reached') WHERE EXISTS (
        SELECT 1 FROM budget_account WHERE id = NEW.account_id AND spent + held > budget);
    UPDATE budget_project SET held = held + NEW.amount WHERE workspace_id = NEW.project_id;
    SELECT RAISE(ABORT, 'muster: project cap reached') WHERE EXISTS (SELECT 1 FROM budget_project WHERE workspace_id = NEW.project_id
        AND {{total}} + held > max_project_spend);
END;

CREATE TRIGGER budget_hold_stays_settled BEFORE UPDATE ON budget_hold
    WHEN OLD.state <> NEW.state AND (OLD.state = 'settled' OR NEW.state = 'open') BEGIN
    SELECT RAISE(ABORT, 'muster: a settled hold stays settled');
END;

CREATE TRIGGER budget_hold_moves AFTER UPDATE OF amount, drawn, state ON budget_hold BEGIN
    UPDATE budget_account SET held = held
        + CASE WHEN NEW.state IN ('open', 'awaiting') THEN max(NEW.amount - NEW.drawn, 0) ELSE 0 END
        - CASE WHEN OLD.state IN ('open', 'awaiting') THEN max(OLD.amount - OLD.drawn, 0) ELSE 0 END WHERE id = NEW.account_id;
    UPDATE budget_project SET held = held
        + CASE WHEN NEW.state IN ('open', 'awaiting') THEN max(NEW.amount - NEW.drawn, 0) ELSE 0 END
        - CASE WHEN OLD.state IN ('open', 'awaiting') THEN max(OLD.amount - OLD.drawn, 0) ELSE 0 END WHERE workspace_id = NEW.project_id;
    SELECT RAISE(ABORT, 'muster: entry budget reached') WHERE NEW.state = 'open' AND NEW.amount > OLD.amount AND EXISTS (
        SELECT 1 FROM budget_account WHERE id = NEW.account_id AND spent + held > budget);
    SELECT RAISE(ABORT, 'muster: project cap reached') WHERE NEW.state = 'open' AND NEW.amount > OLD.amount AND EXISTS (
        SELECT 1 FROM budget_project WHERE workspace_id = NEW.project_id
        AND {{total}} + held > max_project_spend);
END;

CREATE TRIGGER budget_holds_open_within_limits AFTER INSERT ON budget_hold WHEN NEW.state = 'open' BEGIN
    SELECT RAISE(ABORT, 'muster: limit reached') WHERE EXISTS (SELECT 1 FROM budget_limit l
        WHERE l.project_id = NEW.project_id AND l.category IN ('total', NEW.category)
        AND (CASE l.period WHEN 'day' THEN
                coalesce((SELECT sum(d.amount) FROM budget_dayspend d WHERE d.project_id = l.project_id
                        AND d.day = date('now') AND (l.category = 'total' OR d.category = l.category)), 0)
            ELSE (SELECT {{spent l.category p}}
                    FROM budget_project p WHERE p.workspace_id = l.project_id) END)
        + coalesce((SELECT sum(CASE WHEN h.amount > h.drawn THEN h.amount - h.drawn ELSE 0 END)
                FROM budget_hold h WHERE h.project_id = l.project_id AND h.state IN ('open', 'awaiting')
                AND (l.category = 'total' OR h.category = l.category)), 0) > l.amount);
END;

CREATE TRIGGER budget_holds_grow_within_limits AFTER UPDATE ON budget_hold WHEN NEW.state = 'open' AND NEW.amount > OLD.amount BEGIN
    SELECT RAISE(ABORT, 'muster: limit reached') WHERE EXISTS (SELECT 1 FROM budget_limit l
        WHERE l.project_id = NEW.project_id AND l.category IN ('total', NEW.category)
        AND (CASE l.period WHEN 'day' THEN
                coalesce((SELECT sum(d.amount) FROM budget_dayspend d WHERE d.project_id = l.project_id
                        AND d.day = date('now') AND (l.category = 'total' OR d.category = l.category)), 0)
            ELSE (SELECT {{spent l.category p}}
                    FROM budget_project p WHERE p.workspace_id = l.project_id) END)
        + coalesce((SELECT sum(CASE WHEN h.amount > h.drawn THEN h.amount - h.drawn ELSE 0 END)
                FROM budget_hold h WHERE h.project_id = l.project_id AND h.state IN ('open', 'awaiting')
                AND (l.category = 'total' OR h.category = l.category)), 0) > l.amount);
END;
