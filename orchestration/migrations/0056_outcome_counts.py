import django.db.models.deletion
from django.db import migrations, models

from workspaces.triggers import install, sql

# After the triggers: PostgreSQL then lets nothing end until the commit, and nothing is counted twice or missed.
BEFORE = [
    f'INSERT INTO orchestration_outcomecount (workspace_id, "of", kind, result, number) {rows} GROUP BY 1, 2, 3, 4'
    for rows in (
        """SELECT e.workspace_id, 'round', '', r.verdict, count(*)
        FROM orchestration_round r JOIN orchestration_entry e ON e.id = r.entry_id WHERE r.verdict <> 'open'""",
        "SELECT workspace_id, 'session', role, outcome, count(*) FROM orchestration_session WHERE status = 'ended'",
        """SELECT workspace_id, 'landing', kind, state, count(*)
        FROM orchestration_landing WHERE state IN ('landed', 'refused', 'sent_back', 'withdrawn')""",
    )
]


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0055_ended_by_version"), ("workspaces", "0016_digests")]
    operations = [
        migrations.CreateModel(
            name="OutcomeCount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "of",
                    models.CharField(choices=[("round", "Round"), ("session", "Session"), ("landing", "Landing")], max_length=7),
                ),
                (
                    "kind",
                    models.CharField(
                        blank=True, db_default="", default="", help_text="A session's role, a landing's kind.", max_length=12
                    ),
                ),
                ("result", models.CharField(max_length=15)),
                ("number", models.BigIntegerField(db_default=1, default=1)),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="outcome_counts",
                        to="workspaces.workspace",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["workspace", "of", "kind", "result", "number"], name="outcome_counts_by_result")]
            },
        ),
        install("orchestration"),
        sql(postgresql=BEFORE, sqlite=BEFORE),
    ]
