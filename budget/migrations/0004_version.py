"""A number that grows with whatever the budget answer shows, so that an unchanged answer costs one small read.

On PostgreSQL what changes beside the project's row is counted at the commit: that row stays the last that any transaction locks.
"""

from django.db import migrations, models

from workspaces.triggers import keeping_triggers, sql, without_like_indexes

_BUMP = "UPDATE budget_project SET version = version + 1 WHERE workspace_id = "
_OF_ACCOUNT = "(SELECT project_id FROM budget_account WHERE id = NEW.account_id)"


def _deferred(name: str, table: str, event: str, when: str = "") -> str:
    condition = f"WHEN ({when}) " if when else ""
    return (
        f"CREATE CONSTRAINT TRIGGER {name} AFTER {event} ON {table} DEFERRABLE INITIALLY DEFERRED"
        f" FOR EACH ROW {condition}EXECUTE FUNCTION budget_version_grows()"
    )


COUNTED = sql(
    postgresql=[
        """CREATE FUNCTION budget_project_version() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW.version := OLD.version + 1; RETURN NEW; END $$""",
        "CREATE TRIGGER budget_project_version BEFORE UPDATE ON budget_project FOR EACH ROW EXECUTE FUNCTION budget_project_version()",
        # Once a transaction and project: thousands of entries may be added in one.
        f"""CREATE FUNCTION budget_version_grows() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE project text; grown text;
        BEGIN
            IF TG_TABLE_NAME = 'budget_account' THEN project := NEW.project_id;
            ELSE SELECT project_id INTO project FROM budget_account WHERE id = NEW.account_id; END IF;
            grown := coalesce(current_setting('muster.grown', true), '');
            IF project IS NOT NULL AND position(project in grown) = 0 THEN
                PERFORM set_config('muster.grown', grown || ' ' || project, true);
                {_BUMP} project;
            END IF;
            RETURN NULL;
        END $$""",
        _deferred("budget_account_made", "budget_account", "INSERT"),
        _deferred(
            "budget_account_steered",
            "budget_account",
            "UPDATE",
            "NEW.budget <> OLD.budget OR NEW.human_locked <> OLD.human_locked",
        ),
        _deferred("budget_round_made", "budget_roundspend", "INSERT"),
        _deferred(
            "budget_round_judged", "budget_roundspend", "UPDATE", "NEW.improvement_score IS DISTINCT FROM OLD.improvement_score"
        ),
    ],
    sqlite=[
        f"""CREATE TRIGGER budget_project_version AFTER UPDATE ON budget_project WHEN NEW.version IS NOT OLD.version + 1 BEGIN
            UPDATE budget_project SET version = OLD.version + 1 WHERE workspace_id = NEW.workspace_id;
        END""",
        f"CREATE TRIGGER budget_account_made AFTER INSERT ON budget_account BEGIN {_BUMP} NEW.project_id; END",
        f"""CREATE TRIGGER budget_account_steered AFTER UPDATE ON budget_account
            WHEN NEW.budget <> OLD.budget OR NEW.human_locked <> OLD.human_locked BEGIN {_BUMP} NEW.project_id; END""",
        f"CREATE TRIGGER budget_round_made AFTER INSERT ON budget_roundspend BEGIN {_BUMP} {_OF_ACCOUNT}; END",
        f"""CREATE TRIGGER budget_round_judged AFTER UPDATE ON budget_roundspend
            WHEN NEW.improvement_score IS NOT OLD.improvement_score BEGIN {_BUMP} {_OF_ACCOUNT}; END""",
        f"CREATE TRIGGER budget_round_gone AFTER DELETE ON budget_roundspend BEGIN {_BUMP} {_OF_ACCOUNT.replace('NEW', 'OLD')}; END",
    ],
)
GONE = sql(
    postgresql=[
        f"""CREATE FUNCTION budget_round_gone() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN {_BUMP} {_OF_ACCOUNT.replace("NEW", "OLD")}; RETURN NULL; END $$""",
        """CREATE CONSTRAINT TRIGGER budget_round_gone AFTER DELETE ON budget_roundspend DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION budget_round_gone()""",
    ],
    sqlite=[],
)


class Migration(migrations.Migration):
    dependencies = [("budget", "0003_price_version")]
    operations = [
        *keeping_triggers(
            [
                migrations.AddField(
                    model_name="project",
                    name="version",
                    field=models.BigIntegerField(
                        db_default=0, default=0, editable=False, help_text="Grows with whatever the budget answer shows."
                    ),
                )
            ]
        ),
        COUNTED,
        GONE,
        without_like_indexes("budget"),
    ]
