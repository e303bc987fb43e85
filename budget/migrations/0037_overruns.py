from django.db import migrations, models

from budget.amounts.money import MoneyField
from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("budget", "0036_refused_by")]
    operations = keeping_triggers(
        [
            migrations.AddField(
                "gatewayrequest",
                "overrun",
                MoneyField(
                    db_default=0,
                    default=0,
                    help_text="What is booked beyond its bound: its provider made more than it was asked for.",
                ),
            ),
            migrations.AddIndex(
                "gatewayrequest",
                models.Index(condition=models.Q(overrun__gt=0), fields=["hold"], name="requests_with_overrun"),
            ),
        ]
    )
