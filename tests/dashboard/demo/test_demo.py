"""The demo starts once, at the first login; its steps are shown; and it runs again."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from orchestration.demo import starting
from orchestration.models import Entry, Executor, Proposal, Run, Session
from tests.dashboard.committed import transactional_db
from tests.dashboard.overview.test_page import text_of
from tests.dashboard.seeds import entries as seed
from tests.dashboard.shared.test_forms import confirmed
from tests.factories import a_workspace
from tests.races.crowd import at_once
from workspaces.models import Workspace
from workspaces.people import login_links

__all__ = ["transactional_db"]


@pytest.fixture(autouse=True)
def _demos_have_a_place(settings: Any, tmp_path: Any) -> None:
    settings.DATA_DIR, settings.DEMO = tmp_path, True


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_superuser("owner")


@pytest.fixture
def run(owner: User, client: Client) -> Iterator[Workspace]:
    client.force_login(owner)
    yield Workspace.objects.get()


def log_in(user: User, client: Client) -> str:
    client.get(login_links.link_for(user))
    return text_of(client, "/")


def test_the_first_login_starts_it_and_no_later_one(owner: User, client: Client) -> None:
    seen = log_in(owner, client)
    workspace = Workspace.objects.get()
    assert "The demo has started" in seen and starting.NAME in seen and starting.is_demo(workspace)
    assert Executor.objects.get().state == "running" and Entry.objects.count() == 12
    assert Session.of_any_role.get().role == "plan"
    Workspace.objects.update(deleted_at=workspace.created_at)
    owner.refresh_from_db()
    assert "The demo has started" not in log_in(owner, Client()) and Workspace.objects.count() == 1


def test_two_logins_at_once_start_it_once(transactional_db: None, settings: Any) -> None:
    users = [User.objects.create_superuser(name) for name in ("owner", "other")]
    at_once([lambda user=user: Client().force_login(user) for user in users])
    assert Workspace.objects.count() == 1 and Entry.objects.count() == 12
    assert len(list(settings.DATA_DIR.glob("demo-*"))) == 1


def test_it_does_not_start_where_it_is_off_or_where_there_is_a_workspace(owner: User, client: Client, settings: Any) -> None:
    settings.DEMO = False
    client.force_login(owner)
    assert not Workspace.objects.exists()
    settings.DEMO = True
    client.force_login(User.objects.create_user("vera"))
    assert not Workspace.objects.exists()
    a_workspace()
    client.force_login(owner)
    assert Workspace.objects.count() == 1


def test_a_demo_that_cannot_be_made_hinders_no_login(owner: User, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "make_repository", lambda path: 1 / 0)
    assert "There are no workspaces yet" in log_in(owner, client)


def test_an_empty_home_page_starts_it(owner: User, client: Client, settings: Any) -> None:
    settings.DEMO = False
    client.force_login(owner)
    assert "Start the demo" in text_of(client, "/")
    assert client.post("/demo/").headers["Location"] == f"/w/{Workspace.objects.get().pk}/"
    client.post("/demo/")
    assert Workspace.objects.count() == 1


def test_it_runs_again_in_place_of_the_earlier_run_once_nothing_is_at_work(run: Workspace, client: Client) -> None:
    address = f"/w/{run.pk}/demo/"
    assert client.post(address).status_code == 409 and Workspace.objects.count() == 1
    confirmed(client, address)
    assert "Sessions are running: stop them first" in text_of(client, f"/w/{run.pk}/")
    assert Workspace.objects.count() == 1
    Session.of_any_role.update(status="ended", ended_by_version="0.2.0", outcome="passed")
    response = confirmed(client, address)
    fresh = Workspace.objects.get(deleted_at__isnull=True)
    assert fresh.pk != run.pk and fresh.repo != run.repo and response.headers["Location"] == f"/w/{fresh.pk}/"
    assert Executor.objects.get(pk=run.pk).state == "paused" and Entry.objects.filter(workspace=fresh).count() == 12


def test_no_other_workspace_is_run_again(client: Client, workspace: Workspace) -> None:
    client.force_login(seed.user("ana"))
    assert client.post(f"/w/{workspace.pk}/demo/").status_code == 404
    assert "Run the demo again" not in text_of(client, f"/w/{workspace.pk}/")


def test_its_pages_show_how_far_it_is_and_what_waits_for_a_person(run: Workspace, client: Client) -> None:
    for page in ("", "landing/"):
        seen = text_of(client, f"/w/{run.pk}/{page}")
        assert "0 of 12 are done" in seen and "Run the demo again" in seen and "What lands is tested as a whole" in seen
    trend = Entry.objects.get(content__startswith="Show where")
    Entry.objects.filter(pk=trend.pk).update(status="blocked", reason_code="budget_exceeded", reason_message="10 cents")
    planning = Run.objects.get()
    Session.of_any_role.update(status="ended", ended_by_version="0.2.0", outcome="passed", role="orchestrate")
    Proposal.objects.create(run=planning, number=1, after={}, reason="It waits")
    seen = text_of(client, f"/w/{run.pk}/", fragment="story")
    assert f'/backlog/{trend.pk}/?tab=budget">Raise its budget' in seen
    assert f'/backlog/plans/{planning.pk}/">Decide' in seen


def test_its_checks_judge_the_whole_project() -> None:
    check = next(check for check in starting.CONFIG["verify"] if check["scope"] == "repository")
    assert check["run"][-1] == "--all" and json.dumps(check)
