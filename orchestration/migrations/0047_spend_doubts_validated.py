from django.db import migrations

from workspaces.constraints import validate


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0046_spend_doubts")]
    operations = [*validate(("orchestration_session", "session_doubt_is_an_answer"))]
