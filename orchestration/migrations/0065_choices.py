from django.db import migrations, models
from django.db.models import Value

from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0064_credentials")]
    operations = keeping_triggers(
        [
            migrations.AddField(
                "entry",
                "step_reason",
                models.CharField(
                    blank=True,
                    db_default="",
                    default="",
                    help_text="Why the step before is over, after its number.",
                    max_length=100,
                ),
            ),
            migrations.AddField(
                "session",
                "choice",
                models.JSONField(
                    blank=True,
                    db_default=Value({}, models.JSONField()),
                    default=dict,
                    help_text="How its claim chose the agent: which were considered, and why this one. Empty: there was no other.",
                ),
            ),
        ]
    )
