"""Many people edit one entry, or import one plan, at the same moment: one is first, and the others learn it."""

from functools import partial

import pytest

from orchestration.backlog import content, fields
from orchestration.backlog.content import Change
from orchestration.models import Entry
from orchestration.plans import formats, importing
from tests.factories import ANA, a_workspace, an_entry
from tests.races.crowd import at_once
from workspaces.errors import Conflict

pytestmark = pytest.mark.django_db(transaction=True)

PLAN = "# Dates\n- [ ] Parse (ref: parse)\n- [ ] Print (after: parse)\n"


def test_of_many_editors_with_the_same_version_one_is_first() -> None:
    entry = an_entry(a_workspace(), content="As it was")
    seen = content.version(fields.values(entry, ()))

    def edit(number: int) -> bool:
        try:
            content.edit(entry, Change(content=f"By {number}"), by=ANA, seen=seen)
        except Conflict:
            return False
        return True

    outcomes = at_once([partial(edit, number) for number in range(8)])
    assert sum(outcomes) == 1 and Entry.objects.get(pk=entry.pk).content == f"By {outcomes.index(True)}"


def test_of_many_imports_of_one_preview_one_is_done() -> None:
    workspace = a_workspace()
    plan = formats.parse(PLAN)
    token = importing.preview(workspace.pk, plan, by=ANA).difference.token

    def bring() -> bool:
        try:
            importing.apply(workspace.pk, plan, by=ANA, token=token)
        except Conflict:
            return False
        return True

    outcomes = at_once([bring] * 8)
    assert sum(outcomes) == 1 and Entry.objects.filter(workspace=workspace).count() == 2
