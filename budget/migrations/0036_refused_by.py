from django.db import migrations, models

from budget.amounts.money import MoneyField
from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("budget", "0035_waits_by_reason")]
    operations = keeping_triggers(
        [
            migrations.AddField(
                "gatewayrequest",
                "least",
                MoneyField(
                    db_default=0,
                    default=0,
                    help_text="With so much it would be sent, with a lower output limit. 0: it never lacked money.",
                ),
            ),
            migrations.AddField(
                "gatewayrequest",
                "refused_by",
                models.CharField(
                    blank=True,
                    choices=[("money", "Money"), ("ceiling", "Ceiling"), ("role", "Role")],
                    db_default="",
                    default="",
                    help_text="The limit that it would pass.",
                    max_length=7,
                ),
            ),
        ]
    )
