"""The order of the ready line is spelled once, and its index and its pages follow it."""

import random

import pytest

from orchestration.executor import explain, ready_line, snapshot
from orchestration.models import Entry
from tests.factories import a_worker, a_workspace, some_entries


def test_the_index_has_the_fields_of_the_order() -> None:
    index = next(index for index in Entry._meta.indexes if index.name == "ready_line")
    assert index.fields == ["workspace", *ready_line.FIELDS]


@pytest.mark.django_db
def test_the_line_its_pages_and_the_model_agree_on_the_order() -> None:
    a_worker()
    workspace = a_workspace()
    dice = random.Random(4)
    for entry in some_entries(workspace, *(f"Entry {n}" for n in range(12))):
        Entry.objects.filter(pk=entry.pk).update(has_rounds=dice.random() < 0.5, priority=dice.randint(1, 3))
    in_line = snapshot.line(workspace.pk, snapshot.world(workspace.pk, lock=False), 20)
    assert in_line == sorted(in_line, key=ready_line.place)
    assert [row.id for row in in_line] == list(Entry.objects.order_by(*ready_line.FIELDS).values_list("pk", flat=True))
    _, behind = explain.explain(workspace.pk, after=ready_line.place(in_line[4]))
    assert [explanation.entry.id for explanation in behind] == [row.id for row in in_line[5:]]
