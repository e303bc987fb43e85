from django.db import migrations, models

from workspaces.constraints import AddCheck
from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0045_versions")]
    operations = keeping_triggers(
        [
            migrations.AddField(
                model_name="session",
                name="doubt",
                field=models.CharField(
                    blank=True,
                    choices=[("", "None"), ("open", "Open"), ("true", "True"), ("false", "False")],
                    db_default="",
                    default="",
                    help_text="Whether a person believes that it spent far more than it had reserved.",
                    max_length=5,
                ),
            ),
            migrations.AddField(
                model_name="session",
                name="doubt_by",
                field=models.CharField(blank=True, db_default="", default="", help_text="Who answered.", max_length=200),
            ),
            AddCheck(
                model_name="session",
                constraint=models.CheckConstraint(
                    condition=models.Q(("doubt__in", ["", "open", "true", "false"])), name="session_doubt_is_an_answer"
                ),
            ),
            migrations.AddIndex(
                model_name="session",
                index=models.Index(condition=models.Q(("doubt", "open")), fields=["workspace"], name="doubted_sessions"),
            ),
        ]
    )
