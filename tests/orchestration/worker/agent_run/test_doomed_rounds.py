"""The watch of a session warns once, whatever becomes of its worker, and ends the round where the signs go on."""

from pathlib import Path

import pytest
from django.db.models import Max

from orchestration.dialogue import delivery
from orchestration.models import Message, Round, Session
from orchestration.sessions import supervise
from orchestration.worker.agent_run.doomed_rounds import ProgressWatch
from orchestration.worker.agents.shared.events import ToolUse
from workspaces.models import Event
from workspaces.secrets.masking import Mask

pytestmark = pytest.mark.django_db
SAME = ToolUse("Bash", "make sk-very-secret", "error")
WARNING = "the same call 24 times with the same answer (Bash make [secret KEY]), no file changed for 24 tools"


def a_watch(session: Session, folder: Path, *, receives: bool = True, ends: bool = True) -> ProgressWatch:
    return ProgressWatch(session, folder, Mask({"KEY": "sk-very-secret"}), receives=receives, ends=ends)


def see(progress: ProgressWatch, times: int, use: ToolUse = SAME) -> list[str]:
    seen = []
    for _ in range(times):
        progress.read_event(use)
        seen.append(progress.check())
    return [each for each in seen if each]


def arrive(session: Session) -> None:
    delivery.confirm(delivery.for_session(session, unless=()), session.workspace_id)


def test_it_warns_by_a_message_of_its_own_and_then_ends(session: Session, tmp_path: Path) -> None:
    progress = a_watch(session, tmp_path)
    assert see(progress, 30) == []
    [message] = Message.objects.all()
    assert message.sent_by == "muster" and WARNING in message.text and message.session == session
    assert delivery.for_session(session, unless=()).text.startswith("# What Muster sees\n")
    assert Event.objects.filter(verb="message.sent", actor="muster").count() == 1
    arrive(session)
    assert see(progress, 30)[0].startswith("ended early: the same call 10 times") and Message.objects.count() == 1


def test_a_killed_worker_loses_no_warning_and_none_is_sent_twice(session: Session, tmp_path: Path) -> None:
    see(a_watch(session, tmp_path), 30)
    later = a_watch(session, tmp_path)
    assert delivery.waiting(session.owner_id).messages, "its next prompt has it"
    arrive(session)
    assert see(later, 23) == [] and see(later, 1)[0].startswith("ended early") and Message.objects.count() == 1


def test_after_a_verdict_an_agent_may_be_warned_again(session: Session, tmp_path: Path) -> None:
    see(a_watch(session, tmp_path), 30)
    newest = Round.objects.filter(entry=session.entry).aggregate(newest=Max("number"))["newest"] or 0
    Round.objects.create(
        entry=session.entry, session=session, number=newest + 1, verdict="failed", findings=["a: b.test_rates: no"]
    )
    arrive(session)
    assert see(a_watch(session, tmp_path), 30) == [] and Message.objects.count() == 2


def test_a_warning_that_came_too_late_is_void(session: Session, tmp_path: Path) -> None:
    progress = a_watch(session, tmp_path)
    see(progress, 30)
    progress.close()
    assert not Message.objects.exists()


def test_who_gets_no_message_at_work_is_ended_later_and_without_one(session: Session, tmp_path: Path) -> None:
    assert see(a_watch(session, tmp_path, receives=False), 48)[0].startswith("ended early: the same call 48 times")
    assert not Message.objects.exists()


def test_by_config_it_only_warns(session: Session, tmp_path: Path) -> None:
    progress = a_watch(session, tmp_path, ends=False)
    see(progress, 30)
    arrive(session)
    assert see(progress, 200) == [] and Message.objects.count() == 1


def test_a_file_that_changes_is_progress(session: Session, tmp_path: Path) -> None:
    progress = a_watch(session, tmp_path)
    for n in range(30):
        (tmp_path / f"{n}").write_text("work")
        assert see(progress, 4, ToolUse("Bash", "pytest", "1 failed")) == []
    assert not Message.objects.exists()


def test_without_a_database_it_goes_on(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    progress = a_watch(session, tmp_path)
    see(progress, 1)
    monkeypatch.setattr(supervise, "try_database", lambda _: False)
    assert see(progress, 46) == [] and see(progress, 1)[0].startswith("ended early"), "as one that gets no message"


def test_tools_that_were_used_while_the_database_was_away_are_read_afterwards(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = a_watch(session, tmp_path, receives=False)
    with monkeypatch.context() as away:
        away.setattr(supervise, "try_database", lambda _: False)
        assert see(progress, 47) == []
    assert see(progress, 1)[0].startswith("ended early: the same call 48 times")
