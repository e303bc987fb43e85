from django.db import migrations, models

from budget.amounts.money import MoneyField
from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0066_candidates_validated")]
    operations = keeping_triggers(
        [
            migrations.AddField(
                "entry",
                "least_request",
                MoneyField(
                    db_default=0,
                    default=0,
                    help_text="The least money with which the gateway would have sent the request that its last session ended for. 0: it did not.",
                ),
            ),
            migrations.AddField(
                "session",
                "meter",
                models.CharField(
                    blank=True,
                    choices=[("", "None"), ("gateway", "Gateway"), ("cli", "Cli")],
                    db_default="",
                    default="",
                    help_text="Fixed when its agents start.",
                    max_length=7,
                ),
            ),
        ]
    )
