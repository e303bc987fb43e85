from django.db import migrations, models

from workspaces.triggers import keeping_triggers, sql

# A charge that comes meanwhile waits for the lock that the new columns take.
BEFORE = """UPDATE budget_roundspend SET (input_tokens, cached_tokens) = (
    SELECT coalesce(sum(l.input_tokens + l.cache_read_tokens + l.cache_write_tokens), 0), coalesce(sum(l.cache_read_tokens), 0)
    FROM budget_ledgerentry l
    WHERE l.account_id = budget_roundspend.account_id AND l.round = budget_roundspend.number AND l.category = 'entry')"""


class Migration(migrations.Migration):
    dependencies = [("budget", "0018_hold_without_an_entry_validated")]
    operations = [
        *keeping_triggers(
            [
                migrations.AddField(
                    model_name="roundspend",
                    name="input_tokens",
                    field=models.BigIntegerField(db_default=0, default=0, help_text="All input, cached or not."),
                ),
                migrations.AddField(
                    model_name="roundspend",
                    name="cached_tokens",
                    field=models.BigIntegerField(
                        db_default=0, default=0, help_text="The part of the input that was read from a cache."
                    ),
                ),
            ]
        ),
        sql(postgresql=[BEFORE], sqlite=[BEFORE]),
    ]
