from django.db import migrations, models

from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0058_names")]
    operations = keeping_triggers(
        [
            migrations.AddField(
                "entry",
                "agent",
                models.CharField(
                    blank=True,
                    db_default="",
                    default="",
                    help_text="The name of its agent in the config. Empty: the usual one.",
                    max_length=63,
                ),
            ),
            migrations.AddField(
                "session",
                "agent_name",
                models.CharField(
                    blank=True,
                    db_default="",
                    default="",
                    help_text="Its agent in the config, from its claim on. Empty: the usual one.",
                    max_length=63,
                ),
            ),
            migrations.AddField(
                "session",
                "credential",
                models.CharField(
                    blank=True,
                    db_default="",
                    default="",
                    help_text="Of its agent, from its claim on: a variable or a login.",
                    max_length=200,
                ),
            ),
            migrations.AddField(
                "session",
                "model_family",
                models.CharField(blank=True, db_default="", default="", help_text="Of its agent's model.", max_length=100),
            ),
            migrations.AlterField(
                "session",
                "agent",
                models.CharField(blank=True, db_default="", default="", help_text="The kind of its agent.", max_length=30),
            ),
        ]
    )
