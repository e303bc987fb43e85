from django.db import migrations

from workspaces.constraints import validate


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0026_run_roles")]
    operations = [
        *validate(
            ("orchestration_conversation", "conversation_role_known"),
            ("orchestration_proposal", "a_change_has_a_subject"),
            ("orchestration_proposal", "proposal_kind_known"),
            ("orchestration_session", "session_role_known"),
            ("orchestration_session", "session_phase_known"),
        )
    ]
