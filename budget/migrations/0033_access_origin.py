from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from workspaces.triggers import keeping_triggers


def leave_permits_unbound(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("budget", "GatewayAccess").objects.filter(role="permit").update(origin="*")


class Migration(migrations.Migration):
    dependencies = [("budget", "0032_gateway")]
    operations = [
        *keeping_triggers(
            [
                migrations.AddField(
                    "gatewayaccess",
                    "origin",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="The address that used it first, and alone may use it. A star: any may. Empty: it was not used yet.",
                        max_length=45,
                    ),
                ),
            ]
        ),
        migrations.RunPython(leave_permits_unbound, migrations.RunPython.noop),
    ]
