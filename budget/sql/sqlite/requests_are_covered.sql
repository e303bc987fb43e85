-- A request is sent only on money that is reserved for it: `in_flight` is what the requests of a reservation may still cost.
-- What is over stays over; only what is unknown may still be settled.
-- `used` of an access with a limit is counted on, since a sum over its requests would take longer with each.

CREATE TRIGGER budget_requests_reserve AFTER INSERT ON budget_gatewayrequest WHEN NEW.state IN ('sent', 'unknown') BEGIN
    UPDATE budget_hold SET in_flight = in_flight + NEW.bound - NEW.amount WHERE id = NEW.hold_id;
    SELECT RAISE(ABORT, 'muster: reservation used up') WHERE EXISTS (
        SELECT 1 FROM budget_hold WHERE id = NEW.hold_id AND (state <> 'open' OR drawn + in_flight > amount));
    UPDATE budget_gatewayaccess SET used = used + NEW.bound WHERE id = NEW.access_id AND most IS NOT NULL;
    SELECT RAISE(ABORT, 'muster: access used up') WHERE EXISTS (
        SELECT 1 FROM budget_gatewayaccess WHERE id = NEW.access_id AND (ended_at IS NOT NULL OR used > most));
END;

CREATE TRIGGER budget_requests_stay_settled BEFORE UPDATE ON budget_gatewayrequest
    WHEN OLD.state <> NEW.state AND (OLD.state IN ('settled', 'refused') OR NEW.state = 'waiting' OR (OLD.state = 'unknown' AND NEW.state = 'sent')) BEGIN
    SELECT RAISE(ABORT, 'muster: a settled request stays settled');
END;

CREATE TRIGGER budget_requests_move AFTER UPDATE OF state, bound, amount ON budget_gatewayrequest BEGIN
    UPDATE budget_hold SET in_flight = in_flight
        + CASE WHEN NEW.state IN ('sent', 'unknown') THEN NEW.bound - NEW.amount ELSE 0 END
        - CASE WHEN OLD.state IN ('sent', 'unknown') THEN OLD.bound - OLD.amount ELSE 0 END WHERE id = NEW.hold_id;
    SELECT RAISE(ABORT, 'muster: reservation used up') WHERE OLD.state = 'waiting' AND NEW.state = 'sent' AND EXISTS (
        SELECT 1 FROM budget_hold WHERE id = NEW.hold_id AND (state <> 'open' OR drawn + in_flight > amount));
    UPDATE budget_gatewayaccess SET used = used
        + CASE WHEN NEW.state IN ('sent', 'unknown') THEN NEW.bound ELSE NEW.amount END
        - CASE WHEN OLD.state IN ('sent', 'unknown') THEN OLD.bound ELSE OLD.amount END WHERE id = NEW.access_id AND most IS NOT NULL;
    SELECT RAISE(ABORT, 'muster: access used up') WHERE OLD.state = 'waiting' AND NEW.state = 'sent' AND EXISTS (
        SELECT 1 FROM budget_gatewayaccess WHERE id = NEW.access_id AND (ended_at IS NOT NULL OR used > most));
END;
