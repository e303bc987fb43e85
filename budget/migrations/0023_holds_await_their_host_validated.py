from django.db import migrations

from workspaces.constraints import validate


class Migration(migrations.Migration):
    dependencies = [("budget", "0022_holds_await_their_host")]
    operations = [
        *validate(("budget_hold", "hold_state_known"), ("budget_hold", "an_awaiting_hold_names_its_host")),
    ]
