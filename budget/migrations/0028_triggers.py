from django.db import migrations


class Migration(migrations.Migration):
    """Nothing: the next migration installs the triggers, since they name a table that it makes."""

    dependencies = [("budget", "0027_usage_totals"), ("workspaces", "0017_triggers")]
    operations: list[object] = []
