from django.db import migrations, models

from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0020_device_logins")]

    operations = keeping_triggers(
        [
            migrations.AddField(
                model_name="apitoken",
                name="by_provider",
                field=models.BooleanField(
                    db_default=False,
                    default=False,
                    editable=False,
                    help_text="Its owner logs in by single sign-on: void where that is switched off.",
                ),
            ),
        ]
    )
