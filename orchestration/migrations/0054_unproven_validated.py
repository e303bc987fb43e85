from django.db import migrations

from workspaces.constraints import validate


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0053_unproven")]
    operations = [*validate(("orchestration_landing", "landing_state_known"))]
