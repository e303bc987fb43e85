from django.db import migrations


class Migration(migrations.Migration):
    """SQLite's trigger on locks reads the index of paths; it read all locks for each new one."""

    dependencies = [("orchestration", "0018_indexes_for_large_backlogs")]
    operations = []
