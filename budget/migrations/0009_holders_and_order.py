"""What a charge draws is freed where its hold is counted, and accounts are locked in one order (PostgreSQL; SQLite did both already).

A permit of no entry may be drawn by a charge that names one: the entry's own hold is none of its business.
"""

from importlib import import_module

from django.db import migrations

from workspaces.triggers import sql

limits = import_module("budget.migrations.0006_limits")

COUNTED = sql(
    postgresql=[
        # The account before its round: a hold that is drawn locks the account too, and the other order would deadlock.
        f"""CREATE OR REPLACE FUNCTION budget_ledger_counts() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE freed bigint := 0; holder text; charged bigint := NEW.amount; of_entry bigint := 0; of_review bigint := 0;
        BEGIN
            IF NEW.hold_id IS NOT NULL THEN
                -- In RETURNING, PostgreSQL 18 takes NEW for the updated row.
                UPDATE budget_hold SET drawn = drawn + charged WHERE id = NEW.hold_id
                    RETURNING CASE WHEN state = 'open'
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
                INSERT INTO budget_roundspend AS r (account_id, number, cost) VALUES (NEW.account_id, NEW.round, NEW.amount)
                    ON CONFLICT (account_id, number) DO UPDATE SET cost = r.cost + excluded.cost;
            END IF;
            UPDATE budget_project SET held = held - freed, entry_spent = entry_spent + of_entry,
                interceptor_spent = interceptor_spent + of_review,
                expansion_spent = expansion_spent + CASE NEW.category WHEN 'expansion' THEN NEW.amount ELSE 0 END,
                orchestrator_spent = orchestrator_spent + CASE NEW.category WHEN 'orchestrator' THEN NEW.amount ELSE 0 END
                WHERE workspace_id = NEW.project_id;
            {limits.day("postgresql")};
            {limits.mark(limits.CHARGED, "postgresql")};
            RETURN NULL;
        END $$""",
    ],
    sqlite=[],
)

# A cycle opens many holds in one statement, which would take their accounts in any order: two who lock several must take them in one.
IN_ORDER = sql(
    postgresql=[
        """CREATE FUNCTION budget_holds_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM 1 FROM budget_account WHERE id IN (SELECT account_id FROM opened WHERE state = 'open') ORDER BY id FOR NO KEY UPDATE;
            RETURN NULL;
        END $$""",
        # By their names: triggers of one event run in that order, so this one before budget_holds_open.
        """CREATE TRIGGER budget_holds_in_order AFTER INSERT ON budget_hold REFERENCING NEW TABLE AS opened
            FOR EACH STATEMENT EXECUTE FUNCTION budget_holds_in_order()""",
    ],
    sqlite=[],
)

# A review's proposals do not leave it either while it is being decided, and a version that was decided on does not come again.
reviews = import_module("budget.migrations.0007_reviews")
REVIEWED = sql(
    postgresql=[
        f"""CREATE FUNCTION budget_proposal_stays() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.review_id <> OLD.review_id THEN RAISE EXCEPTION '{reviews.SETTLED}' USING ERRCODE = '23514'; END IF;
            RETURN NEW;
        END $$""",
        """CREATE TRIGGER budget_proposal_stays BEFORE UPDATE ON budget_proposal
            FOR EACH ROW EXECUTE FUNCTION budget_proposal_stays()""",
        f"""CREATE FUNCTION budget_review_version_grows() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.version < OLD.version THEN RAISE EXCEPTION '{reviews.OTHER}' USING ERRCODE = '23514'; END IF;
            RETURN NEW;
        END $$""",
        """CREATE TRIGGER budget_review_version_grows BEFORE UPDATE ON budget_review
            FOR EACH ROW EXECUTE FUNCTION budget_review_version_grows()""",
    ],
    sqlite=[
        f"""CREATE TRIGGER budget_proposal_stays BEFORE UPDATE ON budget_proposal WHEN NEW.review_id <> OLD.review_id BEGIN
            SELECT RAISE(ABORT, '{reviews.SETTLED}');
        END""",
        f"""CREATE TRIGGER budget_review_version_grows BEFORE UPDATE ON budget_review WHEN NEW.version < OLD.version BEGIN
            SELECT RAISE(ABORT, '{reviews.OTHER}');
        END""",
    ],
)


class Migration(migrations.Migration):
    dependencies = [("budget", "0008_one_write_a_counter")]
    operations = [COUNTED, IN_ORDER, REVIEWED]
