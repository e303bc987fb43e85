from django.db import migrations, models

from workspaces.triggers import keeping_triggers, without_like_indexes

class Migration(migrations.Migration):
    dependencies = [("budget", "0007_reviews")]
    operations = [
        *keeping_triggers(
            [
                migrations.AlterField(
                    model_name="ledgerentry",
                    name="corrects",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=models.deletion.PROTECT,
                        related_name="corrections",
                        to="budget.ledgerentry",
                    ),
                ),
                migrations.AddIndex(
                    model_name="ledgerentry",
                    index=models.Index(condition=models.Q(corrects__isnull=False), fields=["corrects"], name="ledger_corrections"),
                ),
            ]
        ),
        without_like_indexes("budget"),
    ]
