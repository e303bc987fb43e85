-- Each ledger row moves every counter that sums it: reservation, account, round, project, day, and model of a round and of all.

CREATE TRIGGER budget_ledger_draws AFTER INSERT ON budget_ledgerentry WHEN NEW.hold_id IS NOT NULL BEGIN
    UPDATE budget_hold SET drawn = drawn + NEW.amount WHERE id = NEW.hold_id;
END;

CREATE TRIGGER budget_ledger_counts_entry AFTER INSERT ON budget_ledgerentry WHEN NEW.category = 'entry' BEGIN
    INSERT INTO budget_roundspend (account_id, number, cost, input_tokens, cached_tokens)
        VALUES (NEW.account_id, NEW.round, NEW.amount,
            NEW.input_tokens + NEW.cache_read_tokens + NEW.cache_write_tokens, NEW.cache_read_tokens)
        ON CONFLICT (account_id, number) DO UPDATE SET cost = cost + excluded.cost,
            input_tokens = input_tokens + excluded.input_tokens, cached_tokens = cached_tokens + excluded.cached_tokens;
    INSERT INTO budget_modelspend (account_id, number, model, cost, input_tokens, cached_tokens)
        VALUES (NEW.account_id, NEW.round, NEW.model, NEW.amount,
            NEW.input_tokens + NEW.cache_read_tokens + NEW.cache_write_tokens, NEW.cache_read_tokens)
        ON CONFLICT (account_id, number, model) DO UPDATE SET cost = cost + excluded.cost,
            input_tokens = input_tokens + excluded.input_tokens, cached_tokens = cached_tokens + excluded.cached_tokens;
    UPDATE budget_account SET spent = spent + NEW.amount WHERE id = NEW.account_id;
    UPDATE budget_project SET entry_spent = entry_spent + NEW.amount WHERE workspace_id = NEW.project_id;
END;

CREATE TRIGGER budget_ledger_counts_interceptor AFTER INSERT ON budget_ledgerentry WHEN NEW.category = 'interceptor' BEGIN
    UPDATE budget_account SET interceptor_spent = interceptor_spent + NEW.amount WHERE id = NEW.account_id;
    UPDATE budget_project SET interceptor_spent = interceptor_spent + NEW.amount WHERE workspace_id = NEW.project_id;
END;

CREATE TRIGGER budget_ledger_counts_rest AFTER INSERT ON budget_ledgerentry
    WHEN NEW.category IN ({{of_no_account}}) BEGIN
    UPDATE budget_project SET
        {{add_of_no_account}}
        WHERE workspace_id = NEW.project_id;
END;

CREATE TRIGGER budget_ledger_counts_day AFTER INSERT ON budget_ledgerentry BEGIN
    INSERT INTO budget_dayspend (project_id, day, category, amount) VALUES (NEW.project_id, date(NEW.at), NEW.category, NEW.amount)
        ON CONFLICT (project_id, day, category) DO UPDATE SET amount = budget_dayspend.amount + excluded.amount;
END;

CREATE TRIGGER budget_ledger_counts_usage AFTER INSERT ON budget_ledgerentry BEGIN
    INSERT INTO budget_usagetotal
            (project_id, category, model, charged, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens)
        VALUES (NEW.project_id, NEW.category, CASE WHEN NEW.model = '' THEN 'none'
                WHEN EXISTS (SELECT 1 FROM budget_usagetotal k WHERE k.project_id = NEW.project_id AND k.model = NEW.model)
                    OR (SELECT count(DISTINCT k.model) FROM budget_usagetotal k
                        WHERE k.project_id = NEW.project_id AND k.model NOT IN ('none', 'other')) < 50 THEN NEW.model
                ELSE 'other' END,
            max(NEW.amount, 0), max(NEW.input_tokens, 0), max(NEW.output_tokens, 0),
            max(NEW.cache_read_tokens, 0), max(NEW.cache_write_tokens, 0))
        ON CONFLICT (project_id, category, model) DO UPDATE SET charged = charged + excluded.charged,
            input_tokens = input_tokens + excluded.input_tokens,
            output_tokens = output_tokens + excluded.output_tokens,
            cache_read_tokens = cache_read_tokens + excluded.cache_read_tokens,
            cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens;
END;
