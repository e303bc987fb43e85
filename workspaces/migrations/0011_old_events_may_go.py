from django.db import migrations

from workspaces.triggers import install


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0010_hosts")]
    operations = [install("workspaces")]
