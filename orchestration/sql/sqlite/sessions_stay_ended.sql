-- A session that has ended stays ended.

CREATE TRIGGER orchestration_session_stays_ended BEFORE UPDATE ON orchestration_session
    WHEN OLD.status = 'ended' AND NEW.status <> 'ended' BEGIN
    SELECT RAISE(ABORT, 'muster: a session that has ended stays as it is');
END;
