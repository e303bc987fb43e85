from django.db import migrations, models

from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [
        ("budget", "0034_requests_have_keys"),
    ]

    operations = keeping_triggers(
        [
            migrations.RemoveIndex(model_name="gatewayrequest", name="requests_waiting"),
            migrations.AddIndex(
                model_name="gatewayrequest",
                index=models.Index(
                    condition=models.Q(state="waiting"),
                    fields=["hold", "created_at", "session_ref", "reason", "credential"],
                    name="requests_waiting",
                ),
            ),
        ]
    )
