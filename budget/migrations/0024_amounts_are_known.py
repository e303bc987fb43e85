from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Exists, F, OuterRef, Q
from django.db.migrations.state import StateApps
from django.db.models.functions import Now

from workspaces.triggers import keeping_triggers


def record_present_amounts(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """What an older version made, and no change describes, was changed by SQL without a trace: its amount of this moment is its first one."""
    project, account, change = (apps.get_model("budget", name) for name in ("Project", "Account", "BudgetChange"))
    of_project = change.objects.filter(project=OuterRef("pk"), account__isnull=True)
    unknown = Q(opened_with_budget__isnull=True) | Q(opened_with_cap__isnull=True)
    unknown |= Exists(account.objects.filter(project=OuterRef("pk"), opened_with__isnull=True))
    project.objects.filter(unknown).update(known_since=Now())
    for opened, field in (("opened_with_budget", "total_budget"), ("opened_with_cap", "max_project_spend")):
        silent = project.objects.filter(~Exists(of_project.filter(field=field)), **{f"{opened}__isnull": True})
        silent.update(**{opened: F(field)})
    changed = change.objects.filter(account=OuterRef("pk"), field="budget")
    account.objects.filter(~Exists(changed), opened_with__isnull=True).update(opened_with=F("budget"))


class Migration(migrations.Migration):
    dependencies = [("budget", "0023_holds_await_their_host_validated")]
    operations = [
        *keeping_triggers(
            [
                migrations.AddField(
                    model_name="project",
                    name="known_since",
                    field=models.DateTimeField(
                        editable=False,
                        help_text="An upgrade recorded the amounts then: no record is older. Empty: they are known from the beginning.",
                        null=True,
                    ),
                )
            ]
        ),
        # Not elidable: a squash that left it out would make every amount of an old database silent again.
        migrations.RunPython(record_present_amounts, migrations.RunPython.noop, elidable=False),
    ]
