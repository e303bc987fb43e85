from django.db import migrations

from workspaces.constraints import validate


class Migration(migrations.Migration):
    dependencies = [("budget", "0025_one_hour_cache_writes")]
    operations = [*validate(("budget_ledgerentry", "one_hour_writes_are_cache_writes"))]
