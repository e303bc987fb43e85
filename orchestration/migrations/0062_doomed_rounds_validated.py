from django.db import migrations

from workspaces.constraints import validate


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0062_doomed_rounds")]
    operations = [
        *validate(("orchestration_round", "round_verdict_known"), ("orchestration_session", "session_outcome_known")),
    ]
