"""A person acts on an entry whose work waits for its landing, is being checked, or is being written: every answer is true, nothing lands twice
and nothing is lost."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from orchestration.backlog import entry_actions
from orchestration.models import Entry, FileLock, Landing
from orchestration.worker.lander import batches, judging, swap
from tests.contract.api import Api, Response
from tests.factories import ANA, a_token
from tests.orchestration.worker.lander.verified import verified
from tests.orchestration.worker.sessions.shop import BRANCH, Shop
from workspaces.errors import Conflict
from workspaces.models import Event

Make = Callable[..., Shop]

ACTS: dict[str, tuple[str, str, object]] = {
    "delete": ("DELETE", "/todo/entries/{}", None),
    "hold": ("PATCH", "/todo/entries/{}/status", {"status": "blocked"}),
    "mark done": ("PATCH", "/todo/entries/{}/status", {"status": "done"}),
    "reopen": ("PATCH", "/todo/entries/{}/status", {"status": "pending"}),
    "reverify": ("POST", "/executor/entries/{}/reverify", None),
    "edit": ("PATCH", "/todo/entries/{}", {"content": "write something else"}),
    "spec": ("PUT", "/todo/entries/{}/spec", {"files_to_modify": ["other"]}),
    "rounds": ("PATCH", "/todo/entries/{}/rounds", {"budget_rounds": 9}),
    "budget": ("PATCH", "/budget/entries/{}", {"budget_usd": 3}),
    "priority": ("PATCH", "/todo/entries/{}/priority", {"priority": "low"}),
}
AFTER_WITHDRAWAL = {"delete": "in_progress", "hold": "blocked", "mark done": "done", "reopen": "pending", "reverify": "pending"}
REFUSED = {"edit": "put it on hold if it waits for its landing", "spec": "holds its file locks"}


def act(work: Shop, name: str, entry: Entry) -> Response:
    method, path, body = ACTS[name]
    return Api(work.workspace, a_token()).call(method, path.format(entry.pk), body)


def act_once_before(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, do: Callable[[], Any]) -> list[Any]:
    """Do something before the first call of a function. Returns the answer in a list, once it is there."""
    original, answers = getattr(module, name), list[Any]()

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(module, name, original)
        answers.append(do())
        return original(*args, **kwargs)

    monkeypatch.setattr(module, name, wrapped)
    return answers


@pytest.fixture
def work(shop: Make) -> Shop:
    work = shop(verify=[{"name": "ok", "run": "true"}])
    work.land()
    return work


def landed(work: Shop, entry: Entry) -> int:
    """The number of commits of the branch's first-parent line that land this entry."""
    subjects = work.git("log", "--first-parent", "--format=%s", f"main..{BRANCH}").split("\n")
    return subjects.count(f"#{entry.seq} {entry.title}")


@pytest.mark.parametrize("moment", ["queued", "checking"])
def test_until_its_commit_is_written_work_is_withdrawn_or_goes_on(
    work: Shop, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    for name in ACTS:
        entry = verified(work, name.replace(" ", "-"))
        answers = (
            [act(work, name, entry)]
            if moment == "queued"
            else act_once_before(monkeypatch, judging, "judge", partial(act, work, name, entry))
        )
        work.land()
        [answer] = answers
        entry.refresh_from_db()
        landing = Landing.objects.get(entry=entry)
        if name in AFTER_WITHDRAWAL:
            assert (answer.status, entry.status) == (200, AFTER_WITHDRAWAL[name])
            assert (landing.state, landed(work, entry), landing.intent) == ("withdrawn", 0, None)
            assert work.git("rev-parse", entry.branch) == landing.commit  # the work is kept
            assert (entry.deleted_at is not None) == (name == "delete")
        else:
            assert answer.status == (400 if name in REFUSED else 200) and REFUSED.get(name, "") in answer.text
            assert (landing.state, entry.status, landed(work, entry)) == ("landed", "done", 1)
        assert FileLock.objects.filter(entry=entry).exists() == (entry.status == "pending")  # between two rounds
        assert Event.objects.filter(verb="entry.landed", object_id=entry.pk).count() == landed(work, entry)
        Entry.objects.filter(pk=entry.pk, status="pending").update(status="failed", reason_code="human_hold")


def test_once_its_commit_is_written_it_lands_and_the_answer_is_409(work: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ACTS:
        entry = verified(work, name.replace(" ", "-"))
        answers = act_once_before(monkeypatch, swap, "finish", partial(act, work, name, entry))
        work.land()
        [answer] = answers
        if name in AFTER_WITHDRAWAL:
            assert answer.status == 409 and f"#{entry.seq} is landing now" in answer.text
        else:
            assert answer.status == (400 if name in REFUSED else 200)
        entry.refresh_from_db()
        assert (entry.status, entry.deleted_at, landed(work, entry)) == ("done", None, 1)
        assert Landing.objects.get(entry=entry).state == "landed" and not FileLock.objects.filter(entry=entry).exists()
        assert Event.objects.filter(verb="entry.landed", object_id=entry.pk).count() == 1


def test_one_of_several_that_lands_now_keeps_all_as_they_are(work: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = verified(work, "alpha"), verified(work, "beta")
    refusals: list[Conflict] = []

    def hold_both() -> None:
        with pytest.raises(Conflict, match="#2 is landing now") as refused:
            entry_actions.put_all_on_hold([first, second], by=ANA)
        refusals.append(refused.value)

    monkeypatch.setattr(batches, "_batch", lambda _lease, queued, _tip, **_: ([queued[-1]], ""))
    act_once_before(monkeypatch, swap, "finish", hold_both)
    work.land()
    assert len(refusals) == 1 and list(Entry.objects.values_list("status", flat=True)) == ["done", "done"]
