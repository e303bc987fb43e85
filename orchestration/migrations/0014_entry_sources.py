from django.db import migrations, models

from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0013_landing")]

    operations = keeping_triggers([
        migrations.AddField("entry", "group", models.CharField(max_length=200, blank=True, db_default="", default="", help_text="The headings above it in its plan.")),
        migrations.AddField("entry", "source_plan", models.CharField(max_length=200, blank=True, db_default="", default="", help_text="The plan it was imported from.")),
        migrations.AddField("entry", "source_id", models.CharField(max_length=200, blank=True, db_default="", default="", help_text="Its own id in that plan.")),
        migrations.AddField("entry", "source_path", models.CharField(max_length=500, blank=True, db_default="", default="", help_text="Its headings and its title there: its name without an id.")),
        migrations.AddField("entry", "source_hashes", models.JSONField(null=True, blank=True, help_text="A hash of each value that was imported last; null: not imported.")),
    ])
