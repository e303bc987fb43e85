from django.db import migrations, models

from workspaces.constraints import AddCheck
from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("budget", "0024_amounts_are_known")]
    operations = [
        *keeping_triggers(
            [
                migrations.AddField(
                    model_name="ledgerentry",
                    name="cache_write_1h_tokens",
                    field=models.BigIntegerField(
                        db_default=0,
                        default=0,
                        help_text="The part of the tokens written to a cache that is kept for an hour, at a higher price.",
                    ),
                ),
                AddCheck(
                    model_name="ledgerentry",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("cache_write_1h_tokens__gte", 0), ("cache_write_1h_tokens__lte", models.F("cache_write_tokens"))
                        ),
                        name="one_hour_writes_are_cache_writes",
                    ),
                ),
            ]
        ),
    ]
