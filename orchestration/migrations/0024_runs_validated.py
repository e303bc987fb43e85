from django.db import migrations

from workspaces.constraints import validate


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0023_runs")]
    operations = [
        *validate(
            ("orchestration_conversation", "a_conversation_has_one_owner"),
            ("orchestration_conversation", "conversation_role_known"),
            ("orchestration_session", "only_a_run_has_no_entry"),
            ("orchestration_session", "session_role_known"),
            ("orchestration_session", "session_phase_known"),
        )
    ]
