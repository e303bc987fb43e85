from django.db import migrations, models

import budget.amounts.money
from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("budget", "0029_models_of_rounds")]
    operations = keeping_triggers(
        [
            migrations.AddField(
                "forecastrecord",
                "foretold_at",
                models.DateTimeField(blank=True, help_text="When the cost of the next sessions was foretold.", null=True),
            ),
            migrations.AddField("forecastrecord", "foretold_low", budget.amounts.money.MoneyField(blank=True, null=True)),
            migrations.AddField("forecastrecord", "foretold_high", budget.amounts.money.MoneyField(blank=True, null=True)),
            migrations.AddField(
                "forecastrecord",
                "compared",
                models.PositiveIntegerField(
                    db_default=0, default=0, help_text="Costs foretold that were compared with what happened."
                ),
            ),
            migrations.AddField(
                "forecastrecord",
                "held",
                models.PositiveIntegerField(db_default=0, default=0, help_text="Those that happened as foretold."),
            ),
        ]
    )
