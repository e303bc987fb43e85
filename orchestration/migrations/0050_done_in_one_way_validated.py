from django.db import migrations

from workspaces.constraints import validate


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0049_done_in_one_way")]
    operations = [*validate(("orchestration_entry", "done_in_one_way"), ("orchestration_entry", "each_way_has_its_parts"))]
