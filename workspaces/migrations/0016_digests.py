import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0015_saved_views")]

    operations = [
        migrations.CreateModel(
            name="Digest",
            fields=[
                (
                    "channel",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="digest",
                        serialize=False,
                        to="workspaces.channel",
                    ),
                ),
                (
                    "frequency",
                    models.CharField(choices=[("daily", "Every day"), ("weekly", "Every Monday")], max_length=6),
                ),
                ("hour", models.PositiveSmallIntegerField(help_text="0 to 23, in its time zone.")),
                ("time_zone", models.CharField(help_text="An IANA name.", max_length=64)),
                ("due_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("frequency__in", ["daily", "weekly"])), name="digest_every_day_or_every_week"
                    ),
                    models.CheckConstraint(condition=models.Q(("hour__lte", 23)), name="digest_at_an_hour_of_the_day"),
                ],
            },
        ),
    ]
