from django.db import migrations, models

from workspaces.constraints import AddCheck
from workspaces.triggers import keeping_triggers, sql

REPAIR = """UPDATE orchestration_round SET improvement_score = CASE WHEN improvement_score < 0 THEN -1 ELSE 1 END
    WHERE improvement_score < -1 OR improvement_score > 1"""


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0039_session_models")]
    operations = [
        # On PostgreSQL the triggers of the repaired rows wait for the commit, and a table with such rows cannot be changed.
        sql(postgresql=[REPAIR, "SET CONSTRAINTS ALL IMMEDIATE"], sqlite=[REPAIR]),
        *keeping_triggers(
            [
                AddCheck(
                    model_name="round",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("improvement_score__range", (-1, 1))), name="an_improvement_is_a_share"
                    ),
                )
            ]
        ),
    ]
