-- A worker of a release before 0.2.0 writes no number and knows no condition: it is never the first to take a session, nor to land work.
-- Nor does it end what a later release began: of a host that is away, it would charge the whole reservation.

CREATE OR REPLACE FUNCTION orchestration_skip_for_old_worker() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM orchestration_worker WHERE id = NEW.worker_id AND version = '') THEN RETURN NULL; END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER orchestration_old_worker_takes_no_session BEFORE UPDATE ON orchestration_session FOR EACH ROW
    WHEN (OLD.status = 'claimed' AND NEW.status = 'running') EXECUTE FUNCTION orchestration_skip_for_old_worker();

CREATE TRIGGER orchestration_old_worker_lands_nothing BEFORE UPDATE ON orchestration_integration FOR EACH ROW
    WHEN (NEW.fence <> OLD.fence) EXECUTE FUNCTION orchestration_skip_for_old_worker();

CREATE OR REPLACE FUNCTION orchestration_skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;

CREATE TRIGGER orchestration_old_worker_ends_no_later_session BEFORE UPDATE ON orchestration_session FOR EACH ROW
    WHEN (OLD.status = 'running' AND NEW.status = 'ended' AND OLD.version <> '' AND NEW.ended_by_version = '')
    EXECUTE FUNCTION orchestration_skip();
