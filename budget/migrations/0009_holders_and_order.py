from django.db import migrations


class Migration(migrations.Migration):
    """It changed triggers only; 0010 installs today's."""

    dependencies = [("budget", "0008_one_write_a_counter")]
    operations = []
