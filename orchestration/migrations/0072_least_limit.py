from django.db import migrations, models

from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0071_without_like_indexes")]
    operations = keeping_triggers(
        [
            migrations.AddField(
                "entry",
                "least_limit",
                models.CharField(
                    blank=True,
                    choices=[("money", "Money"), ("ceiling", "Ceiling"), ("role", "Role")],
                    db_default="",
                    default="",
                    help_text="The limit that refused it: money clears no other than money.",
                    max_length=7,
                ),
            ),
        ]
    )
