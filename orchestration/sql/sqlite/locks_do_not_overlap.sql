-- Two entries never lock overlapping paths: `a` overlaps everything under `a/`.
-- Each look-up is by the index of paths: the folders of the new path, made from its parts, and the range of what lies below it.

CREATE TRIGGER orchestration_locks_do_not_overlap BEFORE INSERT ON orchestration_filelock BEGIN
    SELECT RAISE(ABORT, 'muster: the path is locked by another entry') WHERE EXISTS (
        SELECT 1 FROM (
            SELECT substr(NEW.path, 1, sum(length(part.value) + 1) OVER (ORDER BY part.key) - 1) AS name
            FROM json_each('["' || replace(replace(rtrim(NEW.path, '/'), '"', '\"'), '/', '","') || '"]') part
        ) above
        CROSS JOIN orchestration_filelock l
        WHERE l.workspace_id = NEW.workspace_id AND l.path IN (above.name, above.name || '/') AND l.entry_id <> NEW.entry_id
    ) OR EXISTS (
        SELECT 1 FROM orchestration_filelock l
        WHERE l.workspace_id = NEW.workspace_id AND l.path > rtrim(NEW.path, '/') || '/' AND l.path < rtrim(NEW.path, '/') || '0'
        AND +l.entry_id <> NEW.entry_id
    );
END;
