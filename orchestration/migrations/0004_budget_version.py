"""An entry that is deleted leaves the budget answer: its version grows."""

from django.db import migrations

from workspaces.triggers import sql

_BUMP = "UPDATE budget_project SET version = version + 1 WHERE workspace_id = NEW.workspace_id"


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0003_real_agents"), ("budget", "0004_version")]
    operations = [
        sql(
            postgresql=[
                f"""CREATE FUNCTION orchestration_entry_gone() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN {_BUMP}; RETURN NULL; END $$""",
                """CREATE CONSTRAINT TRIGGER orchestration_entry_gone AFTER UPDATE ON orchestration_entry DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW WHEN (NEW.deleted_at IS DISTINCT FROM OLD.deleted_at) EXECUTE FUNCTION orchestration_entry_gone()""",
            ],
            sqlite=[
                f"""CREATE TRIGGER orchestration_entry_gone AFTER UPDATE ON orchestration_entry
                    WHEN NEW.deleted_at IS NOT OLD.deleted_at BEGIN {_BUMP}; END"""
            ],
        )
    ]
