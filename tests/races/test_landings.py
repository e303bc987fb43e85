"""A person's action and the lander's swap at the same moment: the work is withdrawn or it lands, never both, and the answer says which."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from orchestration.landing import branch, decisions
from orchestration.models import Entry, FileLock, IntegrationCommit, Landing
from orchestration.worker.heartbeat import Heartbeat
from orchestration.worker.lander import swap
from orchestration.worker.lander.service import Service
from tests.contract.api import Api
from tests.factories import ANA, a_token
from tests.orchestration.worker.lander.test_person_acts import ACTS, AFTER_WITHDRAWAL
from tests.orchestration.worker.lander.verified import verified
from tests.orchestration.worker.sessions.conftest import shop
from tests.orchestration.worker.sessions.shop import BRANCH, Shop
from tests.races.crowd import at_once

__all__ = ["shop"]

pytestmark = pytest.mark.django_db(transaction=True)

Make = Callable[..., Shop]


def starts_with(monkeypatch: pytest.MonkeyPatch, name: str) -> threading.Event:
    """Is set when the lander calls this function of its swap."""
    original, called = getattr(swap, name), threading.Event()

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        called.set()
        return original(*args, **kwargs)

    monkeypatch.setattr(swap, name, wrapped)
    return called


@pytest.mark.parametrize("name", ["_intend", "_complete", "end_landed"])
def test_an_action_that_races_the_swap_withdraws_or_is_refused(shop: Make, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    work = shop(verify=[{"name": "ok", "run": "true"}])
    work.land()
    api = Api(work.workspace, a_token())
    for verb in AFTER_WITHDRAWAL:
        entry = verified(work, verb.replace(" ", "-"))
        with monkeypatch.context() as patch:
            called = starts_with(patch, name)

            def act(verb: str = verb, entry: Entry = entry, called: threading.Event = called) -> int:
                method, path, body = ACTS[verb]
                assert called.wait(30)
                return api.call(method, path.format(entry.pk), body).status

            _, status = at_once([work.land, act])
        work.land()
        entry.refresh_from_db()
        landing = Landing.objects.get(entry=entry)
        landed = work.git("log", "--first-parent", "--format=%s", BRANCH).split("\n").count(f"#{entry.seq} {entry.title}")
        assert landed == (landing.state == "landed")
        if landing.state == "withdrawn":
            assert (status, entry.status) == (200, AFTER_WITHDRAWAL[verb])
        elif status != 200:  # it landed first, or was about to
            assert (status in (400, 409), entry.status, entry.deleted_at) == (True, "done", None)
        else:  # a landed entry was deleted, reopened, or is verified again
            assert verb in ("delete", "reopen", "reverify")
        assert not IntegrationCommit.objects.exclude(state="done").exists()
        Entry.objects.filter(pk=entry.pk, status="pending").update(status="failed", reason_code="human_hold")
        FileLock.objects.filter(entry=entry).delete()


def test_of_many_landers_at_once_one_lands_each_entry(shop: Make) -> None:
    work = shop(verify=[{"name": "ok", "run": "true"}], landing={"batch": 2}, max_workers=8)
    work.land()
    entries = [verified(work, f"f{n}") for n in range(6)]
    branch.wake(work.workspace.pk)
    services = [Service(Heartbeat("sessions", slots=1).worker) for _ in range(6)]
    worked = at_once([service.run_due for service in services])
    assert sum(worked) >= 1
    subjects = work.git("log", "--first-parent", "--reverse", "--format=%s", f"main..{BRANCH}").split("\n")
    assert subjects == ["Land #1, #2", "Land #3, #4", "Land #5, #6"]
    assert set(Entry.objects.filter(pk__in=[entry.pk for entry in entries]).values_list("status", flat=True)) == {"done"}


def test_a_commit_that_several_persons_revert_at_once_is_reverted_once(shop: Make) -> None:
    work = shop(verify=[{"name": "ok", "run": "true"}])
    work.land()
    verified(work, "alpha")
    work.land()
    tip = work.git("rev-parse", BRANCH)
    at_once([lambda: decisions.revert(work.workspace, tip, by=ANA)] * 6)
    assert Landing.objects.filter(kind="revert").count() == 1
    work.land()
    assert work.merged("alpha") is None
