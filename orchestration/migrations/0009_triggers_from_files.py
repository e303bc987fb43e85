from django.db import migrations


class Migration(migrations.Migration):
    """It installed the triggers of the files; 0019 installs today's."""

    dependencies = [("orchestration", "0008_executor_without_cycles"), ("budget", "0010_triggers_from_files")]
    operations = []
