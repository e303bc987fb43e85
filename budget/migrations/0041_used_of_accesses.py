from django.db import migrations

from budget.amounts.money import MoneyField
from workspaces.triggers import install, keeping_triggers, sql

USED = """UPDATE budget_gatewayaccess SET used = coalesce(
    (SELECT sum(CASE WHEN r.state IN ('sent', 'unknown') THEN r.bound ELSE r.amount END)
        FROM budget_gatewayrequest r WHERE r.access_id = budget_gatewayaccess.id), 0)
    WHERE most IS NOT NULL AND ended_at IS NULL"""


class Migration(migrations.Migration):
    # The triggers name tables of orchestration, whose squashed migration installs the others.
    dependencies = [("budget", "0040_forecast_end"), ("orchestration", "0072_least_limit")]
    operations = [
        *keeping_triggers(
            [
                migrations.AddField(
                    "gatewayaccess",
                    "used",
                    MoneyField(
                        db_default=0,
                        default=0,
                        help_text="What its requests have cost and may still cost. Kept by triggers where it has a limit.",
                    ),
                ),
            ]
        ),
        sql(postgresql=["LOCK budget_gatewayrequest IN SHARE ROW EXCLUSIVE MODE", USED], sqlite=[USED]),
        install("budget"),
    ]
