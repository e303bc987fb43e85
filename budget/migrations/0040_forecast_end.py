from django.db import migrations, models

from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("budget", "0039_unknown_answers_validated")]
    operations = keeping_triggers(
        [
            migrations.AddField(
                "forecastrecord",
                "end_at",
                models.DateTimeField(blank=True, help_text="When the backlog is done.", null=True),
            ),
        ]
    )
