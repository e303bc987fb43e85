"""Today's triggers are created by 0017."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0005_preferences")]
    operations = []
