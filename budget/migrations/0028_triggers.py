from django.db import migrations


class Migration(migrations.Migration):
    """What it did is in the migration after it: today's triggers name a table that comes with that one."""

    dependencies = [("budget", "0027_usage_totals"), ("workspaces", "0017_triggers")]
    operations: list[object] = []
