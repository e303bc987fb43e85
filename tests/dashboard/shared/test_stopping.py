"""Stopping all sessions, as two people see it: confirmed, acknowledged session by session, and never shown as complete too early."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now

from orchestration import sessions
from orchestration.executor import control
from orchestration.models import Executor, Session, Worker
from tests.dashboard.overview.test_page import in_line
from tests.dashboard.seeds import entries as seed
from tests.dashboard.shared.test_forms import HTMX, confirmed
from workspaces.models import Event, Workspace


def shown(client: Client, workspace: Workspace, fragment: str) -> str:
    return in_line(client.get(f"/w/{workspace.pk}/", {"fragment": fragment}).content.decode())


def end(session: Session) -> None:
    sessions.conclude(session, sessions.Ending(Session.Outcome.STOPPED, "Stopped by otto"))


def stop(workspace: Workspace) -> str:
    return f"/w/{workspace.pk}/settings/executor/stop/"


@pytest.mark.parametrize("word", ["", "stop", "made-up", "x" * 5000])
def test_without_the_word_of_its_question_nothing_stops(otto: Client, workspace: Workspace, word: str) -> None:
    assert otto.post(stop(workspace), {"confirm": word}).status_code == 409
    assert otto.post(stop(workspace), {"confirm": word}, headers=HTMX).status_code == 409
    assert Executor.objects.get(pk=workspace.pk).state == "running"


def test_a_token_issued_to_another_user_is_invalid(otto: Client, ana: Client, workspace: Workspace) -> None:
    theirs = ana.post(stop(workspace)).context["confirmation"]["fields"]["confirm"]
    assert otto.post(stop(workspace), {"confirm": theirs}).status_code == 409


def test_each_session_acknowledges_and_only_then_all_are_stopped(otto: Client, workspace: Workspace) -> None:
    confirmed(otto, stop(workspace))
    seen = shown(otto, workspace, "stopping")
    assert "Stopping: 0 of 3 confirmed" in seen and "All stopped" not in seen and "Stopping" in shown(otto, workspace, "header")
    first, *others = Session.objects.filter(workspace=workspace, status="running").order_by("id")
    end(first)
    assert "1 of 3 confirmed" in shown(otto, workspace, "stopping")
    for session in others:
        end(session)
    assert "All stopped" in shown(otto, workspace, "stopping")


def test_one_that_does_not_answer_is_named_with_a_way_on(otto: Client, workspace: Workspace) -> None:
    confirmed(otto, stop(workspace))
    silent, *others = Session.objects.filter(workspace=workspace, status="running").order_by("id")
    for session in others:
        end(session)
    long_ago = now() - timedelta(minutes=1)
    Executor.objects.filter(pk=workspace.pk).update(stop_all_at=long_ago)
    Session.objects.filter(pk=silent.pk).update(stop_wanted_at=long_ago)
    seen = shown(otto, workspace, "stopping")
    assert (
        "2 of 3 confirmed" in seen
        and "no response: it still lives, and Muster goes on ending it" in seen
        and "Force kill" in seen
        and "Retry" in seen
    )
    assert "1 of 3 sessions has not confirmed the stop" in shown(otto, workspace, "banner")


def test_a_kill_asks_and_is_recorded(otto: Client, workspace: Workspace) -> None:
    session = Session.objects.filter(workspace=workspace, status="running").first()
    assert session is not None
    confirmed(otto, f"/w/{workspace.pk}/sessions/{session.pk}/kill/")
    session.refresh_from_db()
    assert session.kill_wanted_at is not None and session.stop_wanted_at is not None
    assert Event.objects.get(verb="session.kill").actor == "otto"


def test_the_second_person_to_stop_sees_who_was_first(otto: Client, ana: Client, workspace: Workspace) -> None:
    armed = ana.get(stop(workspace)).context["confirmation"]["fields"]
    confirmed(otto, stop(workspace))
    response = ana.post(stop(workspace), armed, headers=HTMX)
    assert response.status_code == 409 and "otto has already stopped everything: 0 of 3 confirmed" in in_line(
        response.content.decode()
    )


def test_a_stop_goes_through_whatever_changed_since_it_was_armed(otto: Client, ana: Client, workspace: Workspace) -> None:
    armed = otto.get(stop(workspace)).context["confirmation"]["fields"]
    ana.post(f"/w/{workspace.pk}/settings/executor/pause/")
    assert otto.post(stop(workspace), armed).status_code == 303
    assert not Session.objects.filter(status__in=Session.OPEN, stop_wanted_at__isnull=True).exists()


def test_an_action_on_an_outdated_state_names_who_changed_it(otto: Client, ana: Client, workspace: Workspace) -> None:
    seen = Executor.objects.get(pk=workspace.pk).version
    ana.post(f"/w/{workspace.pk}/settings/executor/pause/", {"version": seen})
    for _ in range(2):
        response = otto.post(f"/w/{workspace.pk}/settings/executor/pause/", {"version": seen}, headers=HTMX)
        assert response.status_code == 409 and "ana changed the executor" in in_line(response.content.decode())
    assert Event.objects.filter(verb="executor.pause").count() == 1


def test_a_pause_offers_to_be_taken_back(otto: Client, workspace: Workspace) -> None:
    response = in_line(otto.post(f"/w/{workspace.pk}/settings/executor/pause/", headers=HTMX).content.decode())
    assert f"/w/{workspace.pk}/settings/executor/resume/" in response and "Undo" in response
    assert "Pausing" in shown(otto, workspace, "header") and "3 finishing" in shown(otto, workspace, "header")


def test_a_silent_executor_is_not_shown_as_running(otto: Client, workspace: Workspace) -> None:
    assert "Running" in shown(otto, workspace, "header")
    Worker.objects.filter(queue="control").update(ticked_at=now() - timedelta(seconds=16))
    assert "Unknown" in shown(otto, workspace, "header") and "No tick from the executor" in shown(otto, workspace, "banner")


def test_after_a_resume_an_old_stop_is_forgotten(otto: Client, workspace: Workspace) -> None:
    control.stop_all(workspace.pk, by=seed.ANA)
    control.resume(workspace.pk, by=seed.ANA)
    control.pause(workspace.pk, by=seed.ANA)
    assert "Stopping" not in shown(otto, workspace, "stopping") and "Pausing" in shown(otto, workspace, "header")


@pytest.mark.parametrize("verb", ["stop", "kill"])
def test_a_session_that_ends_before_the_confirmation_is_reported_as_ended(otto: Client, workspace: Workspace, verb: str) -> None:
    session = Session.objects.filter(workspace=workspace, status="running").order_by("id")[0]
    address = f"/w/{workspace.pk}/sessions/{session.pk}/{verb}/"
    armed = otto.get(address).context["confirmation"]["fields"]
    end(session)
    response = otto.post(address, armed, headers=HTMX)
    assert response.status_code == 409 and "has already ended" in in_line(response.content.decode())
    assert not Event.objects.filter(verb="session.kill").exists()


def test_two_clicks_on_kill_are_one(otto: Client, workspace: Workspace) -> None:
    session = Session.objects.filter(workspace=workspace, status="running").order_by("id")[0]
    address = f"/w/{workspace.pk}/sessions/{session.pk}/kill/"
    armed = otto.get(address).context["confirmation"]["fields"]
    assert [otto.post(address, armed).status_code for _ in range(2)] == [303, 303]
    assert Event.objects.filter(verb="session.kill").count() == 1


def test_a_word_for_one_session_does_not_kill_or_stop_another(otto: Client, workspace: Workspace) -> None:
    session, other = Session.objects.filter(workspace=workspace, status="running").order_by("id")[:2]
    at = f"/w/{workspace.pk}/sessions"
    armed = otto.get(f"{at}/{session.pk}/stop/").context["confirmation"]["fields"]
    assert [otto.post(f"{at}/{path}/", armed).status_code for path in (f"{other.pk}/stop", f"{session.pk}/kill")] == [409, 409]
    assert not Session.objects.filter(stop_wanted_at__isnull=False).exists()


def test_every_stop_is_armed_by_the_same_few_elements(otto: Client, workspace: Workspace) -> None:
    """One template for all of them, so that a fix applies to each."""
    session = Session.objects.filter(workspace=workspace, status="running").first()
    assert session is not None
    seen = in_line(otto.get(f"/w/{workspace.pk}/").content.decode())
    for id_, consequence in (
        ("stop-all", "Ends 3 running ($3.31 reserved) and turns dispatch off"),
        (f"stop-{session.pk}", "The round ends"),
    ):
        form = seen.partition(f'<form class="arm" id="{id_}-form"')[2].partition("</form>")[0]
        assert f'id="{id_}" href=' in seen and f'data-arm="{id_}-form"' in seen
        assert f'id="{id_}-now"' in form and 'name="confirm"' in form and "data-disarm" in form and consequence in form


def test_a_page_that_only_asks_has_no_empty_counts_in_its_way(otto: Client, workspace: Workspace) -> None:
    seen = in_line(otto.get(stop(workspace)).content.decode())
    assert ">Entries</a>" in seen and ">Locks</a>" in seen and 'class="count"' not in seen
