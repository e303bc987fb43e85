from django.db import migrations, models

from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0072_least_limit")]
    operations = keeping_triggers(
        [
            migrations.AddField(
                "entry",
                "done_at",
                models.DateTimeField(
                    blank=True, help_text="Since when it is done. Null: it is not, or an earlier release ended it.", null=True
                ),
            ),
        ]
    )
