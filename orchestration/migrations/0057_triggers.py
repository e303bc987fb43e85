from django.db import migrations

from workspaces.triggers import install, sql, without_like_indexes

# After the triggers: PostgreSQL then lets nothing end until the commit, and nothing is counted twice or missed.
BEFORE = [
    f"""INSERT INTO orchestration_outcomecount (workspace_id, "of", kind, result, number) {rows}
    AND NOT EXISTS (SELECT 1 FROM orchestration_outcomecount WHERE "of" = '{of}') GROUP BY 1, 2, 3, 4"""
    for of, rows in (
        (
            "round",
            """SELECT e.workspace_id, 'round', '', r.verdict, count(*)
            FROM orchestration_round r JOIN orchestration_entry e ON e.id = r.entry_id WHERE r.verdict <> 'open'""",
        ),
        (
            "session",
            "SELECT workspace_id, 'session', role, outcome, count(*) FROM orchestration_session WHERE status = 'ended'",
        ),
        (
            "landing",
            """SELECT workspace_id, 'landing', kind, state, count(*)
            FROM orchestration_landing WHERE state IN ('landed', 'refused', 'sent_back', 'withdrawn')""",
        ),
    )
]


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0056_outcome_counts"), ("budget", "0028_triggers"), ("workspaces", "0017_triggers")]
    operations = [install("orchestration"), sql(postgresql=BEFORE, sqlite=BEFORE), without_like_indexes("orchestration")]
