from django.db import migrations, models

from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [
        ("budget", "0033_access_origin"),
    ]

    operations = keeping_triggers(
        [
            migrations.AddField(
                model_name="gatewayrequest",
                name="key",
                field=models.CharField(
                    blank=True, db_default="", help_text="Its gateway's own: no request has two rows.", max_length=40
                ),
            ),
            migrations.AddConstraint(
                model_name="gatewayrequest",
                constraint=models.UniqueConstraint(condition=~models.Q(key=""), fields=["key"], name="a_request_has_one_row"),
            ),
        ]
    )
