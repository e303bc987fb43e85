from django.db import migrations

from workspaces.triggers import install


class Migration(migrations.Migration):
    dependencies = [("budget", "0009_holders_and_order"), ("workspaces", "0006_triggers_from_files")]
    operations = [install("budget")]
