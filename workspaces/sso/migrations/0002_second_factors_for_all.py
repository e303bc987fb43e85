"""Second factors are in `workspaces`, which every Muster has."""

from typing import Any

from django.db import migrations


def move(apps: Any, schema_editor: Any) -> None:
    old, new = (apps.get_model(app, "SecondFactor") for app in ("sso", "workspaces"))
    new.objects.bulk_create(
        new(user_id=row.pk, sealed_key=row.sealed_key, confirmed_at=row.confirmed_at, last_step=row.last_step)
        for row in old.objects.all()
    )
    old, new = (apps.get_model(app, "RecoveryCode") for app in ("sso", "workspaces"))
    new.objects.bulk_create(new(factor_id=row.factor_id, digest=row.digest) for row in old.objects.all())


class Migration(migrations.Migration):
    dependencies = [("sso", "0001_initial"), ("workspaces", "0022_second_factors")]

    operations = [
        migrations.RunPython(move, migrations.RunPython.noop, elidable=True),
        migrations.DeleteModel("RecoveryCode"),
        migrations.DeleteModel("SecondFactor"),
    ]
