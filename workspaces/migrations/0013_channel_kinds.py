from django.db import migrations, models

from workspaces.constraints import AddCheck
from workspaces.triggers import keeping_triggers

KINDS = [("webhook", "Webhook"), ("email", "Email"), ("slack", "Slack"), ("discord", "Discord"), ("teams", "Teams")]


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0012_queue_marks")]

    operations = keeping_triggers(
        [
            migrations.RemoveConstraint(model_name="channel", name="channel_kind_known"),
            migrations.AlterField(model_name="channel", name="kind", field=models.CharField(choices=KINDS, max_length=7)),
            AddCheck(
                model_name="channel",
                constraint=models.CheckConstraint(
                    condition=models.Q(("kind__in", [kind for kind, _ in KINDS])), name="channel_kind_known"
                ),
            ),
        ]
    )
