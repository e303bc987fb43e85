from django.db import migrations


class Migration(migrations.Migration):
    """It changed a trigger only; 0006 installs today's."""

    dependencies = [("workspaces", "0003_notices")]
    operations = []
