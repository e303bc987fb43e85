-- A worker of a release before 0.2.0 writes no number and knows no condition: it is never the first to take a session, nor to land work.

CREATE TRIGGER orchestration_old_worker_takes_no_session BEFORE UPDATE ON orchestration_session
    WHEN OLD.status = 'claimed' AND NEW.status = 'running'
    AND EXISTS (SELECT 1 FROM orchestration_worker WHERE id = NEW.worker_id AND version = '') BEGIN
    SELECT RAISE(IGNORE);
END;

CREATE TRIGGER orchestration_old_worker_lands_nothing BEFORE UPDATE ON orchestration_integration
    WHEN NEW.fence <> OLD.fence
    AND EXISTS (SELECT 1 FROM orchestration_worker WHERE id = NEW.worker_id AND version = '') BEGIN
    SELECT RAISE(IGNORE);
END;
