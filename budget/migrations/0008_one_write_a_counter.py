"""A charge against a hold writes each counter once (performance.md, L1). PostgreSQL keeps a row's every version until it is cleaned up,
and the project's row is what all charges wait for. SQLite has one writer, and loses nothing.
"""

from importlib import import_module

from django.db import migrations, models

from workspaces.triggers import keeping_triggers, sql, without_like_indexes

limits = import_module("budget.migrations.0006_limits")

COUNTED = sql(
    postgresql=[
        # The account before its round: a hold that is drawn locks the account too, and the other order would deadlock.
        f"""CREATE OR REPLACE FUNCTION budget_ledger_counts() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE freed bigint := 0; charged bigint := NEW.amount; of_entry bigint := 0; of_review bigint := 0;
        BEGIN
            IF NEW.hold_id IS NOT NULL THEN
                -- In RETURNING, PostgreSQL 18 takes NEW for the updated row.
                UPDATE budget_hold SET drawn = drawn + charged WHERE id = NEW.hold_id
                    RETURNING CASE WHEN state = 'open'
                        THEN greatest(amount - drawn + charged, 0) - greatest(amount - drawn, 0) ELSE 0 END INTO freed;
            END IF;
            IF NEW.category = 'entry' THEN of_entry := NEW.amount; END IF;
            IF NEW.category = 'interceptor' THEN of_review := NEW.amount; END IF;
            IF NEW.account_id IS NOT NULL THEN
                UPDATE budget_account SET spent = spent + of_entry, interceptor_spent = interceptor_spent + of_review, held = held - freed
                    WHERE id = NEW.account_id;
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
        "DROP TRIGGER budget_hold_moves ON budget_hold",
        # What a ledger row draws is counted with that row.
        """CREATE TRIGGER budget_hold_moves AFTER UPDATE ON budget_hold
            FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION budget_hold_moves()""",
    ],
    sqlite=[],
)


class Migration(migrations.Migration):
    dependencies = [("budget", "0007_reviews")]
    operations = [
        *keeping_triggers(
            [
                migrations.AlterField(
                    model_name="ledgerentry",
                    name="corrects",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=models.deletion.PROTECT,
                        related_name="corrections",
                        to="budget.ledgerentry",
                    ),
                ),
                migrations.AddIndex(
                    model_name="ledgerentry",
                    index=models.Index(condition=models.Q(corrects__isnull=False), fields=["corrects"], name="ledger_corrections"),
                ),
            ]
        ),
        COUNTED,
        without_like_indexes("budget"),
    ]
