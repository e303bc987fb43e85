-- Each end of a round, a session or a landing is counted once, whatever release wrote it. A round that gets another verdict counts again.

CREATE TRIGGER orchestration_round_added_with_a_verdict AFTER INSERT ON orchestration_round WHEN NEW.verdict <> 'open' BEGIN
    INSERT INTO orchestration_outcomecount (workspace_id, "of", kind, result, number)
        SELECT workspace_id, 'round', '', NEW.verdict, 1 FROM orchestration_entry WHERE id = NEW.entry_id;
END;

CREATE TRIGGER orchestration_round_gets_a_verdict AFTER UPDATE OF verdict ON orchestration_round
    WHEN NEW.verdict <> 'open' AND NEW.verdict <> OLD.verdict BEGIN
    INSERT INTO orchestration_outcomecount (workspace_id, "of", kind, result, number)
        SELECT workspace_id, 'round', '', NEW.verdict, 1 FROM orchestration_entry WHERE id = NEW.entry_id;
END;

CREATE TRIGGER orchestration_session_added_ended AFTER INSERT ON orchestration_session WHEN NEW.status = 'ended' BEGIN
    INSERT INTO orchestration_outcomecount (workspace_id, "of", kind, result, number)
        VALUES (NEW.workspace_id, 'session', NEW.role, NEW.outcome, 1);
END;

CREATE TRIGGER orchestration_session_ends AFTER UPDATE OF status ON orchestration_session
    WHEN NEW.status = 'ended' AND OLD.status <> 'ended' BEGIN
    INSERT INTO orchestration_outcomecount (workspace_id, "of", kind, result, number)
        VALUES (NEW.workspace_id, 'session', NEW.role, NEW.outcome, 1);
END;

CREATE TRIGGER orchestration_landing_added_ended AFTER INSERT ON orchestration_landing
    WHEN NEW.state IN ('landed', 'refused', 'sent_back', 'withdrawn') BEGIN
    INSERT INTO orchestration_outcomecount (workspace_id, "of", kind, result, number)
        VALUES (NEW.workspace_id, 'landing', NEW.kind, NEW.state, 1);
END;

CREATE TRIGGER orchestration_landing_ends AFTER UPDATE OF state ON orchestration_landing
    WHEN NEW.state IN ('landed', 'refused', 'sent_back', 'withdrawn') AND NEW.state <> OLD.state BEGIN
    INSERT INTO orchestration_outcomecount (workspace_id, "of", kind, result, number)
        VALUES (NEW.workspace_id, 'landing', NEW.kind, NEW.state, 1);
END;
