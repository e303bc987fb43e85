-- A worker of a release before 0.2.0 writes no number and knows no condition: it is never the first to take a session, nor to land work.
-- Nor does it end what a later release began: of a host that is away, it would charge the whole reservation.

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

CREATE TRIGGER orchestration_old_worker_ends_no_later_session BEFORE UPDATE ON orchestration_session
    WHEN OLD.status = 'running' AND NEW.status = 'ended' AND OLD.version <> '' AND NEW.ended_by_version = '' BEGIN
    SELECT RAISE(IGNORE);
END;
