from django.db import migrations

from workspaces.triggers import without_like_indexes


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0023_passkeys")]
    operations = [without_like_indexes("workspaces")]
