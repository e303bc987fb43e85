from django.db import migrations

from workspaces.triggers import install, without_like_indexes


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0016_digests")]
    operations = [install("workspaces"), without_like_indexes("workspaces")]
