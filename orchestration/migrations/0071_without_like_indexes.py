from django.db import migrations

from workspaces.triggers import without_like_indexes


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0070_issue_edits"), ("workspaces", "0024_without_like_indexes")]
    operations = [without_like_indexes("orchestration")]
