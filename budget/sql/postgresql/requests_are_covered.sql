-- A request is sent only on money that is reserved for it: `in_flight` is what the requests of a reservation may still cost.
-- What is over stays over; only what is unknown may still be settled.
-- The reservation's row is locked first, as everywhere, and then the access: its `used` is counted on, where it has a limit, since a sum over its
-- requests would take longer with each.

CREATE OR REPLACE FUNCTION budget_requests_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE change bigint := 0; used_more bigint := CASE WHEN NEW.state IN ('sent', 'unknown') THEN NEW.bound ELSE NEW.amount END;
BEGIN
    IF NEW.state IN ('sent', 'unknown') THEN change := NEW.bound - NEW.amount; END IF;
    IF TG_OP = 'UPDATE' THEN
        IF OLD.state <> NEW.state AND (OLD.state IN ('settled', 'refused') OR NEW.state = 'waiting'
                OR (OLD.state = 'unknown' AND NEW.state = 'sent')) THEN
            RAISE EXCEPTION 'muster: a settled request stays settled' USING ERRCODE = '23514';
        END IF;
        IF OLD.state IN ('sent', 'unknown') THEN change := change - (OLD.bound - OLD.amount); END IF;
        used_more := used_more - CASE WHEN OLD.state IN ('sent', 'unknown') THEN OLD.bound ELSE OLD.amount END;
    END IF;
    IF change <= 0 THEN
        IF change < 0 THEN UPDATE budget_hold SET in_flight = in_flight + change WHERE id = NEW.hold_id; END IF;
        IF NEW.state = 'sent' AND NOT EXISTS (SELECT 1 FROM budget_hold WHERE id = NEW.hold_id AND state = 'open') THEN
            RAISE EXCEPTION 'muster: reservation used up' USING ERRCODE = '23514';
        END IF;
    ELSE
        UPDATE budget_hold SET in_flight = in_flight + change
            WHERE id = NEW.hold_id AND state = 'open' AND drawn + in_flight + change <= amount;
        IF NOT FOUND THEN RAISE EXCEPTION 'muster: reservation used up' USING ERRCODE = '23514'; END IF;
    END IF;
    IF used_more <> 0 THEN
        UPDATE budget_gatewayaccess SET used = used + used_more WHERE id = NEW.access_id AND most IS NOT NULL;
    END IF;
    IF NEW.state = 'sent' AND (TG_OP = 'INSERT' OR OLD.state = 'waiting') AND EXISTS (
            SELECT 1 FROM budget_gatewayaccess WHERE id = NEW.access_id AND (ended_at IS NOT NULL OR used > most)) THEN
        RAISE EXCEPTION 'muster: access used up' USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER budget_requests_move AFTER INSERT OR UPDATE OF state, bound, amount ON budget_gatewayrequest
    FOR EACH ROW EXECUTE FUNCTION budget_requests_move();
