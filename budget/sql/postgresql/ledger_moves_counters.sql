-- Each ledger row moves every counter that sums it: reservation, account, round, project, day, and model of a round and of all.
-- Lock order everywhere: reservation, account, its round, the project. The project's row, which all share, is always the last;
-- days, models, limits and crossings are written only with its lock. Each counter is written once, since PostgreSQL keeps every version
-- of a row until vacuum.

CREATE OR REPLACE FUNCTION budget_ledger_counts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE freed bigint := 0; holder text; charged bigint := NEW.amount; of_entry bigint := 0; of_review bigint := 0;
BEGIN
    IF NEW.hold_id IS NOT NULL THEN
        -- In RETURNING, PostgreSQL 18 takes NEW for the updated row.
        UPDATE budget_hold SET drawn = drawn + charged WHERE id = NEW.hold_id
            RETURNING CASE WHEN state IN ('open', 'awaiting')
                THEN greatest(amount - drawn + charged, 0) - greatest(amount - drawn, 0) ELSE 0 END, account_id INTO freed, holder;
    END IF;
    IF NEW.category = 'entry' THEN of_entry := NEW.amount; END IF;
    IF NEW.category = 'interceptor' THEN of_review := NEW.amount; END IF;
    IF NEW.account_id IS NOT NULL THEN
        UPDATE budget_account SET spent = spent + of_entry, interceptor_spent = interceptor_spent + of_review,
            held = held - CASE WHEN id = holder THEN freed ELSE 0 END WHERE id = NEW.account_id;
    END IF;
    IF holder IS NOT NULL AND holder IS DISTINCT FROM NEW.account_id THEN
        UPDATE budget_account SET held = held - freed WHERE id = holder;
    END IF;
    IF NEW.category = 'entry' THEN
        INSERT INTO budget_roundspend AS r (account_id, number, cost, input_tokens, cached_tokens)
            VALUES (NEW.account_id, NEW.round, NEW.amount,
                NEW.input_tokens + NEW.cache_read_tokens + NEW.cache_write_tokens, NEW.cache_read_tokens)
            ON CONFLICT (account_id, number) DO UPDATE SET cost = r.cost + excluded.cost,
                input_tokens = r.input_tokens + excluded.input_tokens, cached_tokens = r.cached_tokens + excluded.cached_tokens;
    END IF;
    UPDATE budget_project SET held = held - freed, entry_spent = entry_spent + of_entry,
        interceptor_spent = interceptor_spent + of_review,
        {{add_of_no_account}}
        WHERE workspace_id = NEW.project_id;
    INSERT INTO budget_dayspend (project_id, day, category, amount)
        VALUES (NEW.project_id, (NEW.at AT TIME ZONE 'UTC')::date, NEW.category, NEW.amount)
        ON CONFLICT (project_id, day, category) DO UPDATE SET amount = budget_dayspend.amount + excluded.amount;
    INSERT INTO budget_usagetotal AS u
            (project_id, category, model, charged, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens)
        VALUES (NEW.project_id, NEW.category, CASE WHEN NEW.model = '' THEN 'none'
                WHEN EXISTS (SELECT 1 FROM budget_usagetotal k WHERE k.project_id = NEW.project_id AND k.model = NEW.model)
                    OR (SELECT count(DISTINCT k.model) FROM budget_usagetotal k
                        WHERE k.project_id = NEW.project_id AND k.model NOT IN ('none', 'other')) < 50 THEN NEW.model
                ELSE 'other' END,
            greatest(NEW.amount, 0), greatest(NEW.input_tokens, 0), greatest(NEW.output_tokens, 0),
            greatest(NEW.cache_read_tokens, 0), greatest(NEW.cache_write_tokens, 0))
        ON CONFLICT (project_id, category, model) DO UPDATE SET charged = u.charged + excluded.charged,
            input_tokens = u.input_tokens + excluded.input_tokens,
            output_tokens = u.output_tokens + excluded.output_tokens,
            cache_read_tokens = u.cache_read_tokens + excluded.cache_read_tokens,
            cache_write_tokens = u.cache_write_tokens + excluded.cache_write_tokens;
    IF NEW.category = 'entry' THEN
        INSERT INTO budget_modelspend AS m (account_id, number, model, cost, input_tokens, cached_tokens)
            VALUES (NEW.account_id, NEW.round, NEW.model, NEW.amount,
                NEW.input_tokens + NEW.cache_read_tokens + NEW.cache_write_tokens, NEW.cache_read_tokens)
            ON CONFLICT (account_id, number, model) DO UPDATE SET cost = m.cost + excluded.cost,
                input_tokens = m.input_tokens + excluded.input_tokens, cached_tokens = m.cached_tokens + excluded.cached_tokens;
    END IF;
    UPDATE budget_limit SET reached_on = (now() AT TIME ZONE 'UTC')::date WHERE project_id = NEW.project_id AND category IN ('total', NEW.category)
        AND (reached_on IS NULL OR (period = 'day' AND reached_on < (now() AT TIME ZONE 'UTC')::date))
        AND amount <= (CASE budget_limit.period WHEN 'day' THEN
            coalesce((SELECT sum(d.amount) FROM budget_dayspend d WHERE d.project_id = budget_limit.project_id
                    AND d.day = (now() AT TIME ZONE 'UTC')::date AND (budget_limit.category = 'total' OR d.category = budget_limit.category)), 0)
        ELSE (SELECT {{spent budget_limit.category p}}
                FROM budget_project p WHERE p.workspace_id = budget_limit.project_id) END);
    RETURN NULL;
END $$;

CREATE TRIGGER budget_ledger_counts
    AFTER INSERT ON budget_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION budget_ledger_counts();
