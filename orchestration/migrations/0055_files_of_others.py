from django.db import migrations, models

from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0054_unproven_validated")]
    operations = keeping_triggers([
        migrations.AddField(
            model_name="entry",
            name="taken_paths",
            field=models.JSONField(
                blank=True,
                db_default=models.Value([], models.JSONField()),
                default=list,
                help_text="Files of others that its work changes: it locks them too. It does not declare them.",
            ),
        ),
    ])
