"""A process is killed between the question and the landing: nothing lands that nobody approved, and nothing is done twice."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from orchestration.approval import deciding, waiting
from orchestration.backlog import newest_work
from orchestration.landing import branch
from orchestration.models import Approval, Integration, IntegrationCommit, Landing, Session
from orchestration.worker.lander import batches, refs, swap
from orchestration.worker.lander.service import Service
from tests.factories import ANA
from tests.orchestration.approval.test_landing import AGENT, verbs
from tests.orchestration.worker.lander.test_swap import Killed, kill_at
from tests.orchestration.worker.sessions.shop import Shop, entry_of, rounds_of

Make = Callable[..., Shop]


@pytest.fixture
def verified(shop: Make) -> tuple[Shop, Session]:
    work = shop(AGENT, verify=[{"name": "ok", "run": "true"}], approve={"mode": "always"})
    work.land()
    return work, work.supervise(work.claim(content="write alpha\nmore", files=["alpha"]))


def next_lander(work: Shop) -> None:
    """Once the lease of the one that was killed has run out."""
    Integration.objects.update(lease_until=now() - timedelta(seconds=1))
    Service(work.heartbeat.worker).run_due()


def approved(session: Session) -> None:
    deciding.approve(entry_of(session), Landing.objects.get(entry_id=session.entry_id, state="waiting").commit, by=ANA)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("module", "name"), [(batches, "_try"), (waiting, "keep"), (waiting, "void")])
def test_a_question_that_was_cut_short_is_put_once(
    verified: tuple[Shop, Session], monkeypatch: pytest.MonkeyPatch, module: Any, name: str, after: bool
) -> None:
    work, session = verified
    kill_at(monkeypatch, module, name, after=after)
    with pytest.raises(Killed):
        work.land()
    next_lander(work)
    assert (entry_of(session).reason_code, work.merged("alpha")) == ("waiting_for_approval", None)
    assert verbs(session) == ["approval_asked"]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("name", ["wake"])
def test_an_approval_that_was_cut_short_approves_nothing(
    verified: tuple[Shop, Session], monkeypatch: pytest.MonkeyPatch, name: str, after: bool
) -> None:
    work, session = verified
    work.land()
    kill_at(monkeypatch, branch, name, after=after)
    with pytest.raises(Killed):
        approved(session)
    work.land()
    assert (work.merged("alpha"), Approval.objects.count()) == (None, 0)
    approved(session)
    work.land()
    assert work.merged("alpha") == "1\n" and verbs(session) == ["approval_asked", "approved", "landed"]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("module", "name"), [(swap, "_intend"), (swap, "finish"), (refs, "follow"), (swap, "_complete")])
def test_an_approved_landing_that_was_cut_short_is_completed_once(
    verified: tuple[Shop, Session], monkeypatch: pytest.MonkeyPatch, module: Any, name: str, after: bool
) -> None:
    work, session = verified
    work.land()
    approved(session)
    kill_at(monkeypatch, module, name, after=after)
    with pytest.raises(Killed):
        work.land()
    next_lander(work)
    assert (entry_of(session).status, work.merged("alpha")) == ("done", "1\n")
    assert verbs(session) == ["approval_asked", "approved", "landed"] and IntegrationCommit.objects.count() == 1


def test_sending_back_that_was_cut_short_sends_nothing(verified: tuple[Shop, Session], monkeypatch: pytest.MonkeyPatch) -> None:
    work, session = verified
    work.land()
    landing = Landing.objects.get(state="waiting")
    kill_at(monkeypatch, newest_work, "put_findings_first", after=True)
    with pytest.raises(Killed):
        deciding.send_back(entry_of(session), landing.commit, by=ANA, note="Shorter")
    assert entry_of(session).reason_code == "waiting_for_approval" and rounds_of(session)[0].findings == []
    assert deciding.send_back(entry_of(session), landing.commit, by=ANA, note="Shorter") == 1


def test_the_database_refuses_to_land_unapproved_work(verified: tuple[Shop, Session]) -> None:
    work, _ = verified
    work.land()
    intent = IntegrationCommit.objects.create(workspace=work.workspace, old="a", new="b", tree="c", subject="x")
    with pytest.raises(IntegrityError, match="what_lands_is_approved"), transaction.atomic():
        Landing.objects.filter(state="waiting").update(intent=intent)
