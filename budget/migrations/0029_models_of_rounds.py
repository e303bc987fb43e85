import django.db.models.deletion
from django.db import migrations, models

import budget.amounts.money
from workspaces.triggers import install, sql, without_like_indexes

# Both after the triggers: PostgreSQL then lets no charge in until the commit, and none is counted twice or missed.
USAGE = """WITH named AS (
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
    FROM rows_by_name WHERE NOT EXISTS (SELECT 1 FROM budget_usagetotal) GROUP BY project_id, category, name"""

ROUNDS = """INSERT INTO budget_modelspend (account_id, number, model, cost, input_tokens, cached_tokens)
    SELECT account_id, round, model, sum(amount), sum(input_tokens + cache_read_tokens + cache_write_tokens), sum(cache_read_tokens)
    FROM budget_ledgerentry WHERE category = 'entry' GROUP BY account_id, round, model"""


class Migration(migrations.Migration):
    dependencies = [("budget", "0028_triggers")]
    operations = [
        migrations.CreateModel(
            name="ModelSpend",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("model", models.CharField(blank=True, max_length=200)),
                ("cost", budget.amounts.money.MoneyField(default=0)),
                ("input_tokens", models.BigIntegerField(db_default=0, default=0, help_text="All input, cached or not.")),
                (
                    "cached_tokens",
                    models.BigIntegerField(
                        db_default=0, default=0, help_text="The part of the input that was read from a cache."
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="models",
                        to="budget.account",
                    ),
                ),
            ],
            options={
                "verbose_name": "spend of a model",
                "verbose_name_plural": "spend by model",
                "constraints": [
                    models.UniqueConstraint(fields=("account", "number", "model"), name="one_spend_per_model_of_a_round")
                ],
            },
        ),
        migrations.AlterModelOptions("dayspend", {"verbose_name": "spend of a day", "verbose_name_plural": "spend by day"}),
        migrations.AlterModelOptions(
            "roundspend",
            {"ordering": ["account", "number"], "verbose_name": "spend of a round", "verbose_name_plural": "spend by round"},
        ),
        install("budget", without=["requests_are_covered"]),
        sql(postgresql=[USAGE, ROUNDS], sqlite=[USAGE, ROUNDS]),
        without_like_indexes("budget"),
    ]
