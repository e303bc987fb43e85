from django.db import migrations

from workspaces.triggers import install


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0005_preferences")]
    operations = [install("workspaces")]
