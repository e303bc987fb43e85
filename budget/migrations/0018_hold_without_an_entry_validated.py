from django.db import migrations

from workspaces.constraints import validate


class Migration(migrations.Migration):
    dependencies = [("budget", "0017_hold_without_an_entry")]
    operations = [*validate(("budget_hold", "a_hold_of_the_category_entry_has_one"))]
