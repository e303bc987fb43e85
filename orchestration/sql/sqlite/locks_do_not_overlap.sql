-- Two entries never lock overlapping paths: `a` overlaps everything under `a/`.

CREATE TRIGGER orchestration_locks_do_not_overlap BEFORE INSERT ON orchestration_filelock BEGIN
    SELECT RAISE(ABORT, 'muster: the path is locked by another entry') WHERE EXISTS (
        SELECT 1 FROM orchestration_filelock l
        WHERE l.workspace_id = NEW.workspace_id AND l.entry_id <> NEW.entry_id AND (
            substr(rtrim(NEW.path, '/') || '/', 1, length(rtrim(l.path, '/')) + 1) = rtrim(l.path, '/') || '/'
            OR substr(rtrim(l.path, '/') || '/', 1, length(rtrim(NEW.path, '/')) + 1) = rtrim(NEW.path, '/') || '/'));
END;
