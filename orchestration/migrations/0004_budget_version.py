from django.db import migrations


class Migration(migrations.Migration):
    """It added a trigger only; 0009 installs today's."""

    dependencies = [("orchestration", "0003_real_agents"), ("budget", "0004_version")]
    operations = []
