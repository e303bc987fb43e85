"""Triggers under concurrency: several control workers look at the same time, and people fire by hand."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from budget.amounts import usd
from orchestration.models import Entry, IssueEntry, Trigger
from orchestration.triggers import due, firing
from orchestration.triggers.issues import looking, writing
from tests.factories import ANA, a_trigger, a_workspace
from tests.orchestration.triggers.conftest import forge_of
from tests.orchestration.triggers.issue_forge import IssueForge
from tests.orchestration.triggers.test_issues import a_trigger as an_issue_trigger
from tests.orchestration.triggers.test_issues import end
from tests.races.crowd import at_once

__all__ = ["forge_of"]

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 12, 1, 2, tzinfo=UTC)


def test_workers_that_see_the_same_time_make_one_entry() -> None:
    trigger = a_trigger(a_workspace(), now=datetime(2026, 11, 30, 12, tzinfo=UTC))
    at_once([lambda: due.fire_due(trigger, NOW)] * 4)
    assert trigger.firings.get().entry == Entry.objects.get()


def test_a_repeated_request_makes_one_entry() -> None:
    trigger = a_trigger(a_workspace(), overlap="queue")
    rows = at_once([lambda: firing.fire(trigger, "same", now=NOW, by=ANA)] * 4)
    assert len({row.pk for row in rows}) == 1 and Entry.objects.count() == 1


def test_firings_at_once_stay_within_the_month() -> None:
    trigger = a_trigger(a_workspace(), overlap="queue", month_budget=usd(2))
    rows = at_once([lambda key=key: firing.fire(trigger, key, now=NOW, by=ANA) for key in "abcd"])
    assert sorted(row.skipped for row in rows) == ["", "", "month_budget", "month_budget"]
    assert firing.committed(trigger, "2026-12") == usd(2)


def test_of_firings_at_once_that_may_not_overlap_one_adds_an_entry() -> None:
    trigger = a_trigger(a_workspace())
    rows = at_once([lambda key=key: firing.fire(trigger, key, now=NOW, by=ANA) for key in "abcd"])
    assert sorted(row.skipped for row in rows) == ["", "overlap", "overlap", "overlap"]
    assert Trigger.objects.count() == Entry.objects.count() == 1


@pytest.mark.parametrize("kind", ["github", "gitlab", "gitea"])
def test_workers_that_look_at_the_same_issue_make_one_entry_and_one_comment(
    kind: str, forge_of: Callable[[str], IssueForge]
) -> None:
    forge = forge_of(kind)
    trigger = an_issue_trigger(forge)
    forge.label(forge.add())

    def work() -> None:
        Trigger.objects.update(next_due=NOW)
        looking.look(trigger.pk)
        writing.run_due()

    at_once([work] * 4)
    entry = trigger.firings.get().entry
    assert entry == Entry.objects.get() and len(forge.issues[1].comments) == 1
    end(entry, done_way="landed", done_commit="c" * 40, done_round=1)
    at_once([writing.run_due] * 4)
    assert len(forge.issues[1].comments) == 2 and IssueEntry.objects.get().closed_at


def test_triggers_that_see_the_same_issue_at_once_make_one_entry(forge_of: Callable[[str], IssueForge]) -> None:
    forge = forge_of("github")
    first = an_issue_trigger(forge)
    values = {"kind": "issue", "label": "bug", "schedule": "", "overlap": "queue", "name": "Bugs"}
    second = a_trigger(first.workspace, **values)
    number = forge.add()
    for label in ("muster", "bug"):
        forge.label(number, label)
    at_once([lambda pk=pk: looking.look(pk) for pk in (first.pk, second.pk)])
    assert Entry.objects.count() == IssueEntry.objects.count() == 1
