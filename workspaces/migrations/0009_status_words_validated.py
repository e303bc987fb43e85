from django.db import migrations

from workspaces.constraints import validate


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0008_status_words")]
    operations = [
        *validate(
            ("workspaces_apitoken", "apitoken_role_known"),
            ("workspaces_channel", "channel_kind_known"),
            ("workspaces_delivery", "delivery_state_known"),
            ("workspaces_membership", "membership_role_known"),
        )
    ]
