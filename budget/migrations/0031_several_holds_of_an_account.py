from django.db import migrations, models
from django.db.models import Q

from workspaces.triggers import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("budget", "0030_forecasts_are_scored")]
    operations = keeping_triggers(
        [
            migrations.RemoveConstraint("hold", "one_open_hold_per_account"),
            migrations.AddField(
                "hold",
                "number",
                models.PositiveSmallIntegerField(
                    db_default=0,
                    default=0,
                    help_text="Its number among several that its account has at once. 0: it is the only one.",
                ),
            ),
            migrations.AddConstraint(
                "hold",
                models.UniqueConstraint(
                    condition=Q(("expires_at__isnull", True), ("state", "open")),
                    fields=("account", "number"),
                    name="one_open_hold_per_number",
                ),
            ),
        ]
    )
