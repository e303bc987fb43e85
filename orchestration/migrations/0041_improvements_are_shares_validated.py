from django.db import migrations

from workspaces.constraints import validate


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0040_improvements_are_shares")]
    operations = [*validate(("orchestration_round", "an_improvement_is_a_share"))]
