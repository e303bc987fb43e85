import django.db.models.deletion
from django.db import migrations, models


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
    ]
