from django.db import migrations

from workspaces.constraints import validate


class Migration(migrations.Migration):
    dependencies = [("budget", "0015_status_words")]
    operations = [
        *validate(
            ("budget_decision", "decision_verdict_known"),
            ("budget_hold", "hold_state_known"),
            ("budget_review", "review_state_known"),
        )
    ]
