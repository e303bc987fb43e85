from django.db import migrations

from workspaces.constraints import validate


class Migration(migrations.Migration):
    dependencies = [("budget", "0020_improvements_are_shares")]
    operations = [*validate(("budget_roundspend", "an_improvement_of_money_is_a_share"))]
