-- Each end of a round, a session or a landing is counted once, whatever release wrote it. A round that gets another verdict counts again.
-- A row each, and no counter to update: transactions that end several things in different orders never wait for each other.

CREATE OR REPLACE FUNCTION orchestration_round_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO orchestration_outcomecount (workspace_id, "of", kind, result, number)
        SELECT workspace_id, 'round', '', NEW.verdict, 1 FROM orchestration_entry WHERE id = NEW.entry_id;
    RETURN NULL;
END $$;

CREATE TRIGGER orchestration_round_added_with_a_verdict AFTER INSERT ON orchestration_round FOR EACH ROW
    WHEN (NEW.verdict <> 'open') EXECUTE FUNCTION orchestration_round_ends();
CREATE TRIGGER orchestration_round_gets_a_verdict AFTER UPDATE OF verdict ON orchestration_round FOR EACH ROW
    WHEN (NEW.verdict <> 'open' AND NEW.verdict <> OLD.verdict) EXECUTE FUNCTION orchestration_round_ends();

CREATE OR REPLACE FUNCTION orchestration_session_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO orchestration_outcomecount (workspace_id, "of", kind, result, number)
        VALUES (NEW.workspace_id, 'session', NEW.role, NEW.outcome, 1);
    RETURN NULL;
END $$;

CREATE TRIGGER orchestration_session_added_ended AFTER INSERT ON orchestration_session FOR EACH ROW
    WHEN (NEW.status = 'ended') EXECUTE FUNCTION orchestration_session_ends();
CREATE TRIGGER orchestration_session_ends AFTER UPDATE OF status ON orchestration_session FOR EACH ROW
    WHEN (NEW.status = 'ended' AND OLD.status <> 'ended') EXECUTE FUNCTION orchestration_session_ends();

CREATE OR REPLACE FUNCTION orchestration_landing_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO orchestration_outcomecount (workspace_id, "of", kind, result, number)
        VALUES (NEW.workspace_id, 'landing', NEW.kind, NEW.state, 1);
    RETURN NULL;
END $$;

CREATE TRIGGER orchestration_landing_added_ended AFTER INSERT ON orchestration_landing FOR EACH ROW
    WHEN (NEW.state = 'landed' OR NEW.state = 'refused' OR NEW.state = 'sent_back' OR NEW.state = 'withdrawn') EXECUTE FUNCTION orchestration_landing_ends();
CREATE TRIGGER orchestration_landing_ends AFTER UPDATE OF state ON orchestration_landing FOR EACH ROW
    WHEN (NEW.state <> OLD.state
        AND (NEW.state = 'landed' OR NEW.state = 'refused' OR NEW.state = 'sent_back' OR NEW.state = 'withdrawn'))
    EXECUTE FUNCTION orchestration_landing_ends();
