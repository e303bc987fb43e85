import django.db.models.deletion
from django.db import migrations, models

import budget.amounts.money
from workspaces.triggers import install, sql

# After the triggers: PostgreSQL then lets no charge in until the commit, and none is counted twice or missed.
BEFORE = """WITH named AS (
        SELECT project_id, model, row_number() OVER (PARTITION BY project_id ORDER BY min(id)) AS place
        FROM budget_ledgerentry WHERE model <> '' GROUP BY project_id, model
    ), rows_by_name AS (
        SELECT l.*, CASE WHEN l.model = '' THEN 'none' WHEN n.place <= 50 THEN l.model ELSE 'other' END AS name
        FROM budget_ledgerentry l LEFT JOIN named n ON n.project_id = l.project_id AND n.model = l.model
    )
    INSERT INTO budget_usagetotal
        (project_id, category, model, charged, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens)
    SELECT project_id, category, name, sum(CASE WHEN amount > 0 THEN amount ELSE 0 END),
        sum(CASE WHEN input_tokens > 0 THEN input_tokens ELSE 0 END), sum(CASE WHEN output_tokens > 0 THEN output_tokens ELSE 0 END),
        sum(CASE WHEN cache_read_tokens > 0 THEN cache_read_tokens ELSE 0 END),
        sum(CASE WHEN cache_write_tokens > 0 THEN cache_write_tokens ELSE 0 END)
    FROM rows_by_name GROUP BY project_id, category, name"""


class Migration(migrations.Migration):
    dependencies = [("budget", "0026_one_hour_cache_writes_validated")]
    operations = [
        migrations.CreateModel(
            name="UsageTotal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "category",
                    models.CharField(
                        choices=[
                            ("entry", "Entry"),
                            ("orchestrator", "Orchestrator"),
                            ("expansion", "Expansion"),
                            ("interceptor", "Interceptor"),
                        ],
                        max_length=12,
                    ),
                ),
                ("model", models.CharField(max_length=200)),
                ("charged", budget.amounts.money.MoneyField(default=0)),
                (
                    "input_tokens",
                    models.BigIntegerField(
                        db_default=0, default=0, help_text="Those not read from a cache nor written to one."
                    ),
                ),
                ("output_tokens", models.BigIntegerField(db_default=0, default=0)),
                ("cache_read_tokens", models.BigIntegerField(db_default=0, default=0)),
                ("cache_write_tokens", models.BigIntegerField(db_default=0, default=0)),
                (
                    "project",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="usage",
                        to="budget.project",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("project", "category", "model"), name="one_usage_per_model")]
            },
        ),
        install("budget"),
        sql(postgresql=[BEFORE], sqlite=[BEFORE]),
    ]
