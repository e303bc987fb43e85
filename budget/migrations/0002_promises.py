"""The ledger is the truth, holds are promises: triggers keep every counter, and refuse a hold that would pass a cap.

Lock order everywhere: hold, account, then its round and the project. The project row, the one that all share, is always touched last.
"""

from django.db import migrations

from workspaces.triggers import insert_only, sql, without_like_indexes

CAP = "muster: project cap reached"
BUDGET = "muster: entry budget reached"

LEDGER = sql(
    postgresql=[
        """CREATE FUNCTION budget_ledger_counts() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.hold_id IS NOT NULL THEN
                UPDATE budget_hold SET drawn = drawn + NEW.amount WHERE id = NEW.hold_id;
            END IF;
            IF NEW.category = 'entry' THEN
                -- The account before its round: drawing a hold locks the account too, and the other order would deadlock.
                UPDATE budget_account SET spent = spent + NEW.amount WHERE id = NEW.account_id;
                INSERT INTO budget_roundspend AS r (account_id, number, cost) VALUES (NEW.account_id, NEW.round, NEW.amount)
                    ON CONFLICT (account_id, number) DO UPDATE SET cost = r.cost + excluded.cost;
                UPDATE budget_project SET entry_spent = entry_spent + NEW.amount WHERE workspace_id = NEW.project_id;
            ELSIF NEW.category = 'interceptor' THEN
                UPDATE budget_account SET interceptor_spent = interceptor_spent + NEW.amount WHERE id = NEW.account_id;
                UPDATE budget_project SET interceptor_spent = interceptor_spent + NEW.amount WHERE workspace_id = NEW.project_id;
            ELSIF NEW.category = 'expansion' THEN
                UPDATE budget_project SET expansion_spent = expansion_spent + NEW.amount WHERE workspace_id = NEW.project_id;
            ELSE
                UPDATE budget_project SET orchestrator_spent = orchestrator_spent + NEW.amount WHERE workspace_id = NEW.project_id;
            END IF;
            RETURN NULL;
        END $$""",
        "CREATE TRIGGER budget_ledger_counts AFTER INSERT ON budget_ledgerentry FOR EACH ROW EXECUTE FUNCTION budget_ledger_counts()",
    ],
    sqlite=[
        """CREATE TRIGGER budget_ledger_draws AFTER INSERT ON budget_ledgerentry WHEN NEW.hold_id IS NOT NULL BEGIN
            UPDATE budget_hold SET drawn = drawn + NEW.amount WHERE id = NEW.hold_id;
        END""",
        """CREATE TRIGGER budget_ledger_counts_entry AFTER INSERT ON budget_ledgerentry WHEN NEW.category = 'entry' BEGIN
            INSERT INTO budget_roundspend (account_id, number, cost) VALUES (NEW.account_id, NEW.round, NEW.amount)
                ON CONFLICT (account_id, number) DO UPDATE SET cost = cost + excluded.cost;
            UPDATE budget_account SET spent = spent + NEW.amount WHERE id = NEW.account_id;
            UPDATE budget_project SET entry_spent = entry_spent + NEW.amount WHERE workspace_id = NEW.project_id;
        END""",
        """CREATE TRIGGER budget_ledger_counts_interceptor AFTER INSERT ON budget_ledgerentry WHEN NEW.category = 'interceptor' BEGIN
            UPDATE budget_account SET interceptor_spent = interceptor_spent + NEW.amount WHERE id = NEW.account_id;
            UPDATE budget_project SET interceptor_spent = interceptor_spent + NEW.amount WHERE workspace_id = NEW.project_id;
        END""",
        """CREATE TRIGGER budget_ledger_counts_rest AFTER INSERT ON budget_ledgerentry
            WHEN NEW.category IN ('expansion', 'orchestrator') BEGIN
            UPDATE budget_project SET
                expansion_spent = expansion_spent + CASE NEW.category WHEN 'expansion' THEN NEW.amount ELSE 0 END,
                orchestrator_spent = orchestrator_spent + CASE NEW.category WHEN 'orchestrator' THEN NEW.amount ELSE 0 END
                WHERE workspace_id = NEW.project_id;
        END""",
    ],
)

# A cycle opens up to hundreds of holds in one statement: on PostgreSQL the counters then move once for all of them.
HOLDS = sql(
    postgresql=[
        f"""CREATE FUNCTION budget_holds_open() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE wanted bigint; granted bigint;
        BEGIN
            SELECT count(DISTINCT account_id) INTO wanted FROM opened WHERE state = 'open';
            WITH sums AS (SELECT account_id, sum(amount) AS amount FROM opened WHERE state = 'open' GROUP BY account_id),
                moved AS (UPDATE budget_account a SET held = a.held + sums.amount FROM sums
                    WHERE a.id = sums.account_id AND a.spent + a.held + sums.amount <= a.budget RETURNING 1)
                SELECT count(*) INTO granted FROM moved;
            IF granted < wanted THEN RAISE EXCEPTION '{BUDGET}' USING ERRCODE = '23514'; END IF;
            SELECT count(DISTINCT project_id) INTO wanted FROM opened WHERE state = 'open';
            WITH sums AS (SELECT project_id, sum(amount) AS amount FROM opened WHERE state = 'open' GROUP BY project_id),
                moved AS (UPDATE budget_project p SET held = p.held + sums.amount FROM sums
                    WHERE p.workspace_id = sums.project_id
                    AND p.entry_spent + p.orchestrator_spent + p.expansion_spent + p.interceptor_spent
                        + p.held + sums.amount <= p.max_project_spend RETURNING 1)
                SELECT count(*) INTO granted FROM moved;
            IF granted < wanted THEN RAISE EXCEPTION '{CAP}' USING ERRCODE = '23514'; END IF;
            RETURN NULL;
        END $$""",
        """CREATE TRIGGER budget_holds_open AFTER INSERT ON budget_hold REFERENCING NEW TABLE AS opened
            FOR EACH STATEMENT EXECUTE FUNCTION budget_holds_open()""",
        f"""CREATE FUNCTION budget_hold_moves() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE change bigint;
        BEGIN
            IF OLD.state = 'settled' AND NEW.state = 'open' THEN
                RAISE EXCEPTION 'muster: a settled hold stays settled' USING ERRCODE = '23514';
            END IF;
            change := CASE NEW.state WHEN 'open' THEN greatest(NEW.amount - NEW.drawn, 0) ELSE 0 END
                    - CASE OLD.state WHEN 'open' THEN greatest(OLD.amount - OLD.drawn, 0) ELSE 0 END;
            IF change <> 0 THEN
                UPDATE budget_account SET held = held + change
                    WHERE id = NEW.account_id AND (NEW.amount <= OLD.amount OR spent + held + change <= budget);
                IF NOT FOUND THEN RAISE EXCEPTION '{BUDGET}' USING ERRCODE = '23514'; END IF;
                UPDATE budget_project SET held = held + change
                    WHERE workspace_id = NEW.project_id AND (NEW.amount <= OLD.amount OR
                    entry_spent + orchestrator_spent + expansion_spent + interceptor_spent + held + change <= max_project_spend);
                IF NOT FOUND THEN RAISE EXCEPTION '{CAP}' USING ERRCODE = '23514'; END IF;
            END IF;
            RETURN NULL;
        END $$""",
        """CREATE TRIGGER budget_hold_moves AFTER UPDATE ON budget_hold
            FOR EACH ROW EXECUTE FUNCTION budget_hold_moves()""",
    ],
    sqlite=[
        f"""CREATE TRIGGER budget_holds_open AFTER INSERT ON budget_hold WHEN NEW.state = 'open' BEGIN
            UPDATE budget_account SET held = held + NEW.amount WHERE id = NEW.account_id;
            SELECT RAISE(ABORT, '{BUDGET}') WHERE EXISTS (
                SELECT 1 FROM budget_account WHERE id = NEW.account_id AND spent + held > budget);
            UPDATE budget_project SET held = held + NEW.amount WHERE workspace_id = NEW.project_id;
            SELECT RAISE(ABORT, '{CAP}') WHERE EXISTS (SELECT 1 FROM budget_project WHERE workspace_id = NEW.project_id
                AND entry_spent + orchestrator_spent + expansion_spent + interceptor_spent + held > max_project_spend);
        END""",
        """CREATE TRIGGER budget_hold_stays_settled BEFORE UPDATE ON budget_hold
            WHEN OLD.state = 'settled' AND NEW.state = 'open' BEGIN
            SELECT RAISE(ABORT, 'muster: a settled hold stays settled');
        END""",
        f"""CREATE TRIGGER budget_hold_moves AFTER UPDATE ON budget_hold BEGIN
            UPDATE budget_account SET held = held
                + CASE NEW.state WHEN 'open' THEN max(NEW.amount - NEW.drawn, 0) ELSE 0 END
                - CASE OLD.state WHEN 'open' THEN max(OLD.amount - OLD.drawn, 0) ELSE 0 END WHERE id = NEW.account_id;
            UPDATE budget_project SET held = held
                + CASE NEW.state WHEN 'open' THEN max(NEW.amount - NEW.drawn, 0) ELSE 0 END
                - CASE OLD.state WHEN 'open' THEN max(OLD.amount - OLD.drawn, 0) ELSE 0 END WHERE workspace_id = NEW.project_id;
            SELECT RAISE(ABORT, '{BUDGET}') WHERE NEW.state = 'open' AND NEW.amount > OLD.amount AND EXISTS (
                SELECT 1 FROM budget_account WHERE id = NEW.account_id AND spent + held > budget);
            SELECT RAISE(ABORT, '{CAP}') WHERE NEW.state = 'open' AND NEW.amount > OLD.amount AND EXISTS (
                SELECT 1 FROM budget_project WHERE workspace_id = NEW.project_id
                AND entry_spent + orchestrator_spent + expansion_spent + interceptor_spent + held > max_project_spend);
        END""",
    ],
)


class Migration(migrations.Migration):
    dependencies = [("budget", "0001_initial")]
    operations = [insert_only("budget_ledgerentry", "the ledger is insert-only"), LEDGER, HOLDS, without_like_indexes("budget")]
