from django.db import migrations

from workspaces.triggers import install


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0008_executor_without_cycles"), ("budget", "0010_triggers_from_files")]
    operations = [install("orchestration")]
