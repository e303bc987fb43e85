"""Today's triggers are created by 0028."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("budget", "0009_holders_and_order"), ("workspaces", "0006_triggers_from_files")]
    operations = []
