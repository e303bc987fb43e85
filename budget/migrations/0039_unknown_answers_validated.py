from django.db import migrations

from workspaces.constraints import validate


class Migration(migrations.Migration):
    dependencies = [("budget", "0038_unknown_answers")]
    operations = [*validate(("budget_hold", "an_awaiting_hold_says_for_what"))]
