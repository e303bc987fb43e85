import django.db.models.deletion
from django.db import migrations, models

import budget.amounts.money

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
    ]
