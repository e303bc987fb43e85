from django.db import migrations

from workspaces.triggers import insert_only


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0001_initial")]
    operations = [insert_only("workspaces_event", "the activity log is insert-only")]
