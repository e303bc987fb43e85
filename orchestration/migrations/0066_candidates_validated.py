from django.db import migrations

from workspaces.constraints import validate


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0066_candidates")]
    operations = [*validate(("orchestration_session", "session_outcome_known"))]
