from django.db import migrations

from workspaces.constraints import validate


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0013_channel_kinds")]
    operations = [*validate(("workspaces_channel", "channel_kind_known"))]
