"""The database of this release takes what the release before writes: a worker that was not restarted yet loses no charge and no round."""

from collections.abc import Iterator

import pytest
from django.db import models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState
from django.db.models import NOT_PROVIDED
from django.db.models.fields import Field

APPS = ("workspaces", "budget", "orchestration")
BEFORE = {"workspaces": 16, "budget": 19, "orchestration": 38}
"""The number of each app's newest migration in the release before this one: today in 71989011, which wrote no number yet."""


def state(loader: MigrationLoader, *, before: bool) -> ProjectState:
    """The models after the migrations of the release before, or after all."""
    leaves = {
        max(node for node in loader.graph.nodes if node[0] == app and (not before or int(node[1][:4]) <= BEFORE[app]))
        for app in APPS
    }
    return loader.project_state(sorted(leaves))


def refused(before: ProjectState, after: ProjectState) -> Iterator[str]:
    """Columns with which the database refuses a row, or an update, that names the columns of the release before alone."""
    for (app, name), model in before.models.items():
        if app not in APPS:
            continue
        if (now := after.models.get((app, name))) is None:
            yield f"{app}.{name} is gone"
            continue
        yield from (f"{app}.{name}.{field} is gone" for field in model.fields.keys() - now.fields.keys())
        for field, column in now.fields.items():
            if _is_needed(column) and (field not in model.fields or not _is_needed(model.fields[field])):
                yield f"{app}.{name}.{field} needs a value: give it a db_default"


def _is_needed(column: Field) -> bool:  # type: ignore[type-arg]
    """True if an INSERT that does not name the column is refused."""
    is_column = not isinstance(column, models.ManyToManyField) and not getattr(column, "primary_key", False)
    return is_column and not column.null and column.db_default is NOT_PROVIDED


def test_no_table_needs_a_value_that_the_release_before_does_not_write() -> None:
    loader = MigrationLoader(None, replace_migrations=False)
    assert list(refused(state(loader, before=True), state(loader, before=False))) == []


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        (models.CharField(max_length=9, default=""), "needs a value"),
        (models.CharField(max_length=9, default="", db_default=""), ""),
        (models.IntegerField(null=True), ""),
        (models.BooleanField(default=False), "needs a value"),
    ],
)
def test_a_new_column_without_a_default_in_the_database_is_found(column: Field, problem: str) -> None:  # type: ignore[type-arg]
    before = ProjectState()
    before.add_model(_table())
    after = before.clone()
    after.add_field("budget", "ledgerentry", "added", column, preserve_default=True)
    assert [problem in line for line in refused(before, after)] == [True] * bool(problem)


def test_a_table_and_a_column_that_the_release_before_writes_stay() -> None:
    before, after = ProjectState(), ProjectState()
    before.add_model(_table())
    assert list(refused(before, after)) == ["budget.ledgerentry is gone"]
    after.add_model(_table())
    after.remove_field("budget", "ledgerentry", "amount")
    assert list(refused(before, after)) == ["budget.ledgerentry.amount is gone"]


def _table() -> ModelState:
    return ModelState("budget", "LedgerEntry", [("id", models.AutoField(primary_key=True)), ("amount", models.IntegerField())])
