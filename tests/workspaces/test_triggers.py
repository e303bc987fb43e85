"""The database has the triggers that the files in `<app>/sql/` hold, and no others."""

import pytest
from django.db import connection

from workspaces.triggers import Installed, files, installed, reinstall

APPS = ("workspaces", "budget", "orchestration")
pytestmark = pytest.mark.django_db


def triggers(app: str) -> dict[tuple[str, str], Installed]:
    return {(present.kind, present.name): present for present in installed(app, connection)}


@pytest.mark.parametrize("app", APPS)
def test_the_database_has_the_triggers_of_the_files_in_todays_text(app: str) -> None:
    migrated = triggers(app)
    reinstall(app, connection.schema_editor(atomic=False))
    of_files = triggers(app)
    assert migrated.keys() == of_files.keys()
    for name, trigger in of_files.items():
        assert migrated[name] == trigger, name


@pytest.mark.parametrize("app", APPS)
def test_a_trigger_without_a_file_is_dropped(app: str) -> None:
    stray = next(iter(triggers(app).values()))
    if connection.vendor == "sqlite":
        rogue = f"CREATE TRIGGER {app}_rogue AFTER INSERT ON {stray.table} BEGIN SELECT 1; END"
    else:
        function = next(name for kind, name in triggers(app) if kind == "FUNCTION")
        rogue = f"CREATE TRIGGER {app}_rogue AFTER INSERT ON {stray.table} FOR EACH ROW EXECUTE FUNCTION {function}()"
    before = triggers(app)
    with connection.cursor() as cursor:
        cursor.execute(rogue)
    assert triggers(app).keys() - before.keys() == {("TRIGGER", f"{app}_rogue")}
    reinstall(app, connection.schema_editor(atomic=False))
    assert triggers(app) == before


@pytest.mark.parametrize("app", APPS)
def test_both_databases_keep_the_same_promises(app: str) -> None:
    names = {vendor: [file.name for file in files(app, vendor)] for vendor in ("postgresql", "sqlite")}
    assert names["postgresql"] == names["sqlite"] != []


def test_no_trigger_lies_outside_the_files() -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        else:
            cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
        everywhere = {name for (name,) in cursor.fetchall()}
    assert everywhere == {name for app in APPS for kind, name in triggers(app) if kind == "TRIGGER"}
