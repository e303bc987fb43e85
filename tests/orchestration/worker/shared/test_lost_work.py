"""Work that a host did not share: it is never verified elsewhere without it, and goes on there once the host is back."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now

from orchestration.backlog import lost_work
from orchestration.executor import dispatch
from orchestration.git.command import GitError
from orchestration.models import Entry, Landing, Round, Session, Worker
from orchestration.repositories import claims
from orchestration.worker.preparing import sharing
from tests.orchestration.worker.sessions.shop import entry_of
from tests.orchestration.worker.shared.team import Team, shown

Make = Callable[..., Team]
GREEN = {"verify": [{"name": "always", "run": "true"}]}


def unshared(work: Team, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session of the first host that passed, and whose work the remote does not have. As of a worker without `host_id`."""
    with monkeypatch.context() as patched:
        patched.setattr(sharing, "publish", lambda session: None)
        session = work.run(work.first)
    assert session.outcome == "passed"
    return session


def test_it_is_not_verified_on_the_base_and_waits_for_its_host(team: Make, remote: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = team("echo yes > ok", **GREEN)
    first = unshared(work, monkeypatch)
    Landing.objects.all().delete()
    Entry.objects.update(status="pending", next_work="verify")
    second = work.run(work.second, entry_of(first))
    entry = entry_of(first)
    assert second.outcome == "interrupted" and "has its newest work" in second.outcome_message
    assert (entry.status, entry.host_id, entry.is_shared, entry.next_work) == ("pending", work.first.id, False, "verify")
    dispatch.cycle(work.workspace.pk)
    assert not Session.objects.filter(status=Session.Status.CLAIMED).exists()
    assert work.run(work.first, entry).outcome == "passed"
    work.land(work.second)
    assert (entry_of(first).status, entry_of(first).done_way, shown(remote, "ok")) == ("done", "landed", "yes\n")


def test_it_begins_again_on_another_host_when_its_own_does_not_come_back(
    team: Make, remote: Path, monkeypatch: pytest.MonkeyPatch, settings: object
) -> None:
    work = team("echo yes > ok", **GREEN)
    first = unshared(work, monkeypatch)
    Landing.objects.all().delete()
    Entry.objects.update(status="pending", next_work="verify")
    work.run(work.second, entry_of(first))
    Worker.objects.filter(host_id=work.first.id).delete()
    Worker.objects.create(
        id="control",
        queue="control",
        host="x",
        boot_id="b",
        pid=1,
        started_ticks=1,
        slots=1,
        started_at=Now() - timedelta(days=1),
    )
    assert lost_work.begin_again_late() == 0
    Entry.objects.update(host_away_at=Now() - timedelta(hours=2))
    Worker.objects.update(seen_at=Now())
    assert lost_work.begin_again_late() == 1
    again = work.run(work.second, entry_of(first))
    work.land(work.second)
    assert (again.work, again.outcome, shown(remote, "ok")) == ("implement", "passed", "yes\n")
    entry = entry_of(first)
    assert (entry.status, entry.done_round, Round.objects.get(entry=entry, number=1).given_up) == ("done", 2, True)


def test_the_host_that_has_the_commit_of_a_landing_is_asked_for_it(
    team: Make, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = team("echo 1 > $MUSTER_ENTRY_ID", **GREEN)
    alone = unshared(work, monkeypatch)
    other = work.run(work.second)
    work.land(work.second)
    landing = Landing.objects.get(entry=alone.entry_id)
    assert (landing.state, entry_of(other).status) == ("queued", "done") and "is asked for it" in landing.message
    work.land(work.first)  # it looks at what it is asked for
    work.land(work.second)
    assert entry_of(alone).status == "done" and shown(remote, str(alone.entry_id)) is not None


def test_an_unreachable_remote_keeps_the_request(team: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    work = team("echo yes > ok", **GREEN)
    alone = unshared(work, monkeypatch)
    work.land(work.second)

    def refuses(*arguments: object, **named: object) -> None:
        raise GitError("push", "no route")

    monkeypatch.setattr(claims, "share", refuses)
    with work.first.acts():
        sharing.share_asked(but=())
    assert Landing.objects.get(entry=alone.entry_id).not_before is not None and not entry_of(alone).is_shared
