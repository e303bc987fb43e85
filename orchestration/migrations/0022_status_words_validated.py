from django.db import migrations

from workspaces.constraints import validate


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0021_status_words")]
    operations = [
        *validate(
            ("orchestration_conversation", "conversation_role_known"),
            ("orchestration_entry", "entry_status_known"),
            ("orchestration_entry", "entry_next_work_known"),
            ("orchestration_executor", "executor_state_known"),
            ("orchestration_integration", "integration_state_known"),
            ("orchestration_integrationcommit", "integrationcommit_kind_known"),
            ("orchestration_integrationcommit", "integrationcommit_state_known"),
            ("orchestration_landing", "landing_kind_known"),
            ("orchestration_landing", "landing_state_known"),
            ("orchestration_round", "round_verdict_known"),
            ("orchestration_session", "session_work_known"),
            ("orchestration_session", "session_status_known"),
            ("orchestration_session", "session_phase_known"),
            ("orchestration_session", "session_outcome_known"),
            ("orchestration_treeverdict", "treeverdict_kind_known"),
        )
    ]
