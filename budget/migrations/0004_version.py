from django.db import migrations, models

from workspaces.triggers import keeping_triggers, without_like_indexes

class Migration(migrations.Migration):
    dependencies = [("budget", "0003_price_version")]
    operations = [
        *keeping_triggers(
            [
                migrations.AddField(
                    model_name="project",
                    name="version",
                    field=models.BigIntegerField(
                        db_default=0, default=0, editable=False, help_text="Grows with whatever the budget answer shows."
                    ),
                )
            ]
        ),
        without_like_indexes("budget"),
    ]
