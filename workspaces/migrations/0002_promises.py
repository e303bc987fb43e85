from django.db import migrations

from workspaces.triggers import insert_only, without_like_indexes


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0001_initial")]
    operations = [insert_only("workspaces_event", "the activity log is insert-only"), without_like_indexes("workspaces")]
