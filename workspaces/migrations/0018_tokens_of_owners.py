from django.db import migrations, models

from workspaces.constraints import AddCheck
from workspaces.triggers import keeping_triggers

ROLES = [("viewer", "Viewer"), ("operator", "Operator"), ("budget", "Budget"), ("admin", "Admin"), ("owner", "its owner's")]


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0017_triggers")]

    operations = keeping_triggers(
        [
            migrations.RemoveConstraint(model_name="apitoken", name="apitoken_role_known"),
            migrations.AlterField(
                model_name="apitoken", name="role", field=models.CharField(choices=ROLES, default="viewer", max_length=10)
            ),
            AddCheck(
                model_name="apitoken",
                constraint=models.CheckConstraint(
                    condition=models.Q(("role__in", [role for role, _ in ROLES])), name="apitoken_role_known"
                ),
            ),
            AddCheck(
                model_name="apitoken",
                constraint=models.CheckConstraint(
                    condition=models.Q(
                        models.Q(("role", "owner"), _negated=True),
                        models.Q(("owner__isnull", False), ("session_ref", ""), ("workspace__isnull", True)),
                        _connector="OR",
                    ),
                    name="token_stands_for_an_owner",
                ),
            ),
        ]
    )
