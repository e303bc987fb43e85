from django.db import migrations, models

from workspaces.constraints import AddCheck
from workspaces.triggers import keeping_triggers

STATES = ["open", "awaiting", "settled"]


class Migration(migrations.Migration):
    dependencies = [("budget", "0021_improvements_are_shares_validated")]
    operations = [
        *keeping_triggers(
            [
                migrations.AddField(
                    model_name="hold",
                    name="awaits_host",
                    field=models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="The host that has not said yet what its session spent.",
                        max_length=200,
                    ),
                ),
                migrations.AddField(
                    model_name="hold",
                    name="awaits_until",
                    field=models.DateTimeField(blank=True, help_text="Then the rest is charged as an estimate.", null=True),
                ),
                migrations.AlterField(
                    model_name="hold",
                    name="state",
                    field=models.CharField(
                        choices=[("open", "Open"), ("awaiting", "Awaiting"), ("settled", "Settled")],
                        default="open",
                        max_length=8,
                    ),
                ),
                migrations.RemoveConstraint(model_name="hold", name="hold_state_known"),
                AddCheck(
                    model_name="hold",
                    constraint=models.CheckConstraint(condition=models.Q(("state__in", STATES)), name="hold_state_known"),
                ),
                AddCheck(
                    model_name="hold",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "awaiting"), _negated=True),
                            models.Q(("awaits_until__isnull", False), models.Q(("awaits_host", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="an_awaiting_hold_names_its_host",
                    ),
                ),
                migrations.AddIndex(
                    model_name="hold",
                    index=models.Index(condition=models.Q(("state", "awaiting")), fields=["account"], name="holds_awaiting"),
                ),
                migrations.AddIndex(
                    model_name="hold",
                    index=models.Index(
                        condition=models.Q(("awaits_host", ""), _negated=True), fields=["awaits_until"], name="holds_of_silent_hosts"
                    ),
                ),
            ]
        ),
    ]
