from django.db import migrations, models

from budget.amounts.money import MoneyField
from workspaces.constraints import AddCheck
from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("budget", "0037_overruns")]
    operations = [
        *keeping_triggers(
            [
                migrations.AddField(
                    "hold",
                    "unknown_since",
                    models.DateTimeField(
                        blank=True,
                        help_text="It ended while answers to its requests were not known: they keep the rest.",
                        null=True,
                    ),
                ),
                migrations.AddField(
                    "gatewayrequest",
                    "seen",
                    MoneyField(
                        db_default=0,
                        default=0,
                        help_text="An estimate by its input and by what was streamed: booked where nobody counts it.",
                    ),
                ),
                migrations.AddIndex(
                    "gatewayrequest",
                    models.Index(condition=models.Q(state="unknown"), fields=["hold"], name="requests_not_known"),
                ),
                AddCheck(
                    model_name="hold",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "awaiting"), _negated=True),
                            models.Q(("awaits_until__isnull", False), models.Q(("awaits_host", ""), _negated=True)),
                            ("unknown_since__isnull", False),
                            _connector="OR",
                        ),
                        name="an_awaiting_hold_says_for_what",
                    ),
                ),
                migrations.RemoveConstraint(model_name="hold", name="an_awaiting_hold_names_its_host"),
            ]
        ),
    ]
