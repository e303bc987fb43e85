-- A session that has ended stays ended.

CREATE OR REPLACE FUNCTION orchestration_session_stays_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'muster: a session that has ended stays as it is' USING ERRCODE = '23514'; END $$;

CREATE TRIGGER orchestration_session_stays_ended BEFORE UPDATE ON orchestration_session FOR EACH ROW
    WHEN (OLD.status = 'ended' AND NEW.status <> 'ended') EXECUTE FUNCTION orchestration_session_stays_ended();
