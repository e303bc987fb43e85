"""One landed entry has a bounded cost in processes and statements, from its dispatch to its landing. Counts, since no noise touches them:
they may fall, and a change that raises one gives its reason."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orchestration.git import command
from orchestration.processes import forked_shim
from tests.orchestration.worker.sessions.conftest import shop as shop
from tests.orchestration.worker.sessions.shop import Shop, entry_of

AGENT = 'echo done > "work-$MUSTER_ENTRY_ID"'
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def work(shop: Callable[..., Shop]) -> Shop:
    """A shop in which an entry has landed before: what is read once in a process has been read."""
    place = shop(AGENT, verify=[{"name": "nothing", "run": "true"}])
    assert entry_of(place.run(content="first")).status == "done"
    return place


def noted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[Sequence[Any]]:
    """The arguments of each call from now on."""
    calls: list[Sequence[Any]] = []
    function = getattr(module, name)

    def call(*args: Any, **more: Any) -> Any:
        calls.append(args)
        return function(*args, **more)

    monkeypatch.setattr(module, name, call)
    return calls


def lands(work: Shop) -> None:
    assert entry_of(work.run(content="second")).status == "done"


def test_a_landed_entry_takes_few_git_processes(work: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    gits = noted(monkeypatch, command, "start")
    lands(work)
    names = [next(word for word in line[len(command._GIT) :] if word[0] not in "-/") for line, *_ in gits]
    assert len(names) <= 23, names


def test_two_landings_together_take_few_git_processes(work: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = work.claim(content="second"), work.claim(content="third")
    work.supervise(first)
    work.supervise(second)
    gits = noted(monkeypatch, command, "start")
    work.land()
    assert entry_of(second).status == "done"
    assert len(gits) <= 20, "for both: merged, judged together, delivered"


def test_a_landed_entry_takes_few_statements(work: Shop) -> None:
    with CaptureQueriesContext(connection) as seen:
        lands(work)
    assert len(seen) <= 158, "\n".join(query["sql"][:150] for query in seen)


def test_a_landed_entry_starts_no_python(work: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    pythons = noted(monkeypatch, forked_shim, "_python")
    lands(work)
    assert pythons == []
