"""A workspace is made, configured, renamed and deleted: what each change reaches, and what refuses it."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils.timezone import now

from budget.amounts import usd
from orchestration import configuration
from orchestration.configuration import difference, workspace_setup
from orchestration.models import AgentCheck, Entry, Executor, Integration
from orchestration.processes import stage_probe
from tests.factories import ANA, a_session, a_worker, a_workspace, an_entry, ended, project
from tests.orchestration.git.repositories import a_repository
from tests.orchestration.proposals.made import PLANNER, a_running_run
from workspaces.errors import Conflict, Invalid
from workspaces.machine import hosts
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Workspace:
    a_session(an_entry(a_workspace(name="Other")))
    return a_workspace()


def executor(shop: Workspace) -> Executor:
    return Executor.objects.get(pk=shop.pk)


def test_a_workspace_without_open_sessions_is_deleted_and_dispatches_nothing(shop: Workspace) -> None:
    session = a_session(an_entry(shop))
    with pytest.raises(Invalid, match="stop them first"):
        workspace_setup.delete(shop, by=ANA)
    ended(session)
    workspace_setup.delete(shop, by=ANA)
    assert list(Workspace.objects.filter(deleted_at__isnull=False)) == [shop] and executor(shop).state == "paused"
    assert set(Executor.objects.exclude(pk=shop.pk).values_list("state", flat=True)) == {"running"}
    assert Event.objects.get(verb="workspace.deleted").workspace == shop


def test_a_run_keeps_its_workspace_too() -> None:
    shop = a_workspace(planner=PLANNER)
    a_running_run(shop)
    with pytest.raises(Invalid, match="stop them first"):
        workspace_setup.delete(shop, by=ANA)


def test_an_agent_that_a_role_has_is_not_removed(shop: Workspace) -> None:
    config = {"agents": {"strong": {"kind": "codex"}}, "verifier": {"agent": "strong"}}
    workspace_setup.configure(shop, config, by=ANA)
    with pytest.raises(Invalid, match="no agent 'strong': choose one of default") as refused:
        workspace_setup.configure(shop, {"agents": {"strong": None}}, by=ANA)
    assert refused.value.names == ("verifier.agent",)
    workspace_setup.configure(shop, {"agents": {"strong": None}, "verifier": {"agent": "default"}}, by=ANA)
    assert executor(shop).config["verifier"] == {"agent": "default"}


def test_a_run_is_not_given_to_a_named_command_without_its_command(shop: Workspace) -> None:
    with pytest.raises(Invalid, match="Write the command") as refused:
        workspace_setup.configure(shop, {"agents": {"mine": {"kind": "command"}}, "planner": {"agent": "mine"}}, by=ANA)
    assert refused.value.names == ("planner.agent",)


@pytest.mark.parametrize(
    ("change", "recovers", "checks"),
    [
        ({"agent": {"command": "true"}}, True, True),
        ({"verifier": {"agent": {"command": "true"}}}, True, True),
        ({"planner": {"agent": {"command": "true"}}}, False, True),
        ({"max_workers": 2}, False, False),
    ],
)
def test_a_change_reaches_what_depends_on_it(shop: Workspace, change: dict[str, Any], recovers: bool, checks: bool) -> None:
    entry, later = an_entry(shop), now() + timedelta(hours=1)
    Entry.objects.filter(pk=entry.pk).update(not_before=later)
    Integration.objects.update_or_create(pk=shop.pk, defaults={"due": False})
    workspace_setup.configure(shop, change, by=ANA)
    entry.refresh_from_db()
    assert (entry.not_before is None) is recovers and AgentCheck.objects.filter(pk=shop.pk).exists() is checks
    assert Integration.objects.get(pk=shop.pk).due
    event = Event.objects.get(verb="workspace.configured")
    assert (event.workspace, event.data["keys"], event.actor) == (shop, sorted(change), "ana")


def test_a_change_of_an_older_config_is_refused_with_who_was_first(shop: Workspace) -> None:
    seen = difference.version(executor(shop).config)
    workspace_setup.configure(shop, {"max_workers": 2}, by=ANA, base_version=seen)
    with pytest.raises(Conflict, match="ana changed max_workers meanwhile"):
        workspace_setup.configure(shop, {"max_workers": 3}, by=ANA, base_version=seen)
    assert executor(shop).config["max_workers"] == 2


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"max_workers": -1}, "max_workers"),
        ({"nonsense": 1}, "nonsense"),
        ({"agent": {"nonsense": 1}}, "agent.nonsense"),
        ({"planner": {"agent": {"kind": "command"}}}, "planner.agent.command"),
    ],
)
def test_a_value_that_does_not_fit_is_named_and_nothing_changes(shop: Workspace, change: dict[str, Any], name: str) -> None:
    before = executor(shop).config
    with pytest.raises(Invalid) as refused:
        workspace_setup.configure(shop, change, by=ANA)
    assert refused.value.names == (name,) and executor(shop).config == before


WORKING = {"sandbox": "bubblewrap 0.12; private networks work"}


@pytest.mark.parametrize(
    ("config", "network"),
    [
        ({}, "auto"),
        ({"sandbox": {"mode": "none"}}, "auto"),
        ({"sandbox": {"network": "open"}}, "open"),
        ({"sandbox": None}, "open"),
    ],
)
@pytest.mark.parametrize("has_worker", [False, True])
def test_agents_of_a_new_workspace_are_behind_the_proxy_unless_its_maker_chose_another_network(
    config: dict[str, Any], network: str, has_worker: bool, settings: Any, tmp_path: Path
) -> None:
    settings.REPO_ROOTS = [tmp_path]
    repo = a_repository(tmp_path / "one")
    if has_worker:  # a host that ran a private network
        a_worker(agents=WORKING)
        network = network.replace("auto", "private")
    new = workspace_setup.create("New", str(repo), total_budget=1, max_project_spend=1, config=config, by=ANA)
    assert configuration.load(executor(new).config).sandbox.network == network


@pytest.mark.parametrize(
    ("of_hosts", "works"),
    [
        ([WORKING], True),
        ([WORKING, WORKING], True),
        ([WORKING, {"sandbox": "bubblewrap 0.12"}], False),  # of the release before
        ([WORKING, {"sandbox": "bubblewrap 0.12; no private network: passt is not installed"}], False),
        ([WORKING, {}], False),  # it has not looked yet
    ],
)
def test_there_are_private_networks_where_each_host_ran_one(of_hosts: list[dict[str, str]], works: bool) -> None:
    for number, agents in enumerate(of_hosts):
        a_worker(host=f"host-{number}", agents=agents)
    assert workspace_setup.has_private_networks() is works


def test_a_host_that_has_not_reported_is_tried_where_it_is_this_one(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.SANDBOX = "auto"
    a_worker(host=hosts.host_id())
    for problem in ("", "no passt"):
        monkeypatch.setattr(stage_probe, "probe", lambda problem=problem: stage_probe.StageProbe(problem))
        assert workspace_setup.has_private_networks() is not bool(problem)


def test_a_workspace_that_there_was_before_keeps_the_hosts_network(shop: Workspace) -> None:
    workspace_setup.configure(shop, {"max_workers": 2}, by=ANA)
    assert configuration.load(executor(shop).config).sandbox.network == "open"


CODEX = {"kind": "codex", "model": "m"}


@pytest.mark.parametrize(
    ("agents", "named"),
    [
        ({"agent": CODEX}, "Codex (default)"),
        ({"agent": {"kind": "acp", "command": "agent --acp"}}, "your ACP agent (default)"),
        ({"agents": {"strong": CODEX}}, "Codex (strong)"),
        ({"interceptor": {"agent": CODEX}}, "Codex (interceptor)"),
        ({"planner": {"agent": CODEX}}, "Codex (planner)"),
    ],
)
def test_no_network_is_refused_for_an_agent_that_needs_its_provider(shop: Workspace, agents: dict[str, Any], named: str) -> None:
    with pytest.raises(Invalid, match=re.escape(f"none keeps {named} from its provider: set proxy")) as refused:
        workspace_setup.configure(shop, {**agents, "sandbox": {"network": "none"}}, by=ANA)
    assert refused.value.names == ("sandbox.network",)
    workspace_setup.configure(shop, {**agents, "sandbox": {"network": "proxy"}}, by=ANA)


def test_a_command_may_have_no_network(shop: Workspace) -> None:
    config = workspace_setup.configure(shop, {"agent": {"command": "agent"}, "sandbox": {"network": "none"}}, by=ANA)
    assert config.sandbox.network == "none"


def test_a_stored_config_without_network_is_read_and_its_next_change_has_to_repair_it(shop: Workspace) -> None:
    Executor.objects.filter(pk=shop.pk).update(config={"agent": CODEX, "sandbox": {"network": "none"}})
    assert configuration.load(executor(shop).config).sandbox.network == "none"
    with pytest.raises(Invalid, match="set proxy"):
        workspace_setup.configure(shop, {"max_workers": 2}, by=ANA)
    assert workspace_setup.configure(shop, {"sandbox": {"network": "proxy"}}, by=ANA).agent.kind == "codex"


def test_two_workspaces_land_on_one_repository_only_on_branches_of_their_own(settings: Any, tmp_path: Path) -> None:
    """The second is refused when it is created there and when it is set to it later."""
    settings.REPO_ROOTS = [tmp_path]
    repo, elsewhere = a_repository(tmp_path / "one"), a_repository(tmp_path / "two")
    other = a_workspace(name="Other", repo=str(repo.resolve()), integration_branch="muster/a")
    a_workspace(name="Elsewhere", repo=str(elsewhere.resolve()), integration_branch="muster/b")
    amounts = {"total_budget": usd("5"), "max_project_spend": usd("5")}

    def create(branch: str) -> Workspace:
        return workspace_setup.create("New", str(repo), config={"integration_branch": branch}, by=ANA, **amounts)

    taken = "the workspace 'Other' lands on muster/a"
    with pytest.raises(Invalid, match=taken) as refused:
        create("muster/a")
    assert refused.value.names == ("repo",)
    new = create("muster/b")
    with pytest.raises(Invalid, match=taken) as refused:
        workspace_setup.configure(new, {"integration_branch": "muster/a"}, by=ANA)
    assert refused.value.names == ("integration_branch",) and executor(new).config["integration_branch"] == "muster/b"
    workspace_setup.configure(new, {"integration_branch": "muster/b", "max_workers": 2}, by=ANA)
    Workspace.objects.filter(pk=other.pk).update(deleted_at=now())
    workspace_setup.configure(new, {"integration_branch": "muster/a"}, by=ANA)
    assert executor(new).config["integration_branch"] == "muster/a"


def test_a_repository_lies_inside_the_roots(settings: Any, tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repos" / "one")
    settings.REPO_ROOTS = [tmp_path / "repos"]
    assert workspace_setup.allowed_path(str(repo)) == repo.resolve()
    (tmp_path / "repos" / "link").symlink_to(tmp_path)
    for path, why in (
        (str(tmp_path), f"set MUSTER_REPO_ROOTS={tmp_path / 'repos'}:{tmp_path.parent} for"),
        (str(tmp_path / "repos" / "link"), "must lie inside"),
        ("one", "absolute"),
    ):
        with pytest.raises(Invalid, match=why):
            workspace_setup.allowed_path(path)


@pytest.mark.parametrize("url", ["file:///etc", "ext://x", "--upload-pack=x@y:z"])
def test_a_clone_is_by_https_ssh_or_git(url: str) -> None:
    with pytest.raises(Invalid):
        workspace_setup._clone(url)


def test_a_name_and_each_amount_change_alone(shop: Workspace) -> None:
    workspace_setup.change(shop, name=None, total_budget=usd("50"), max_project_spend=None, by=ANA)
    assert (project(shop).total_budget, project(shop).max_project_spend) == (usd("50"), usd("100"))
    workspace_setup.change(shop, name="New", total_budget=None, max_project_spend=usd("40"), by=ANA)
    assert (project(shop).total_budget, project(shop).max_project_spend) == (usd("50"), usd("40"))
    assert Workspace.objects.get(pk=shop.pk).name == "New"
    workspace_setup.change(shop, name="New", total_budget=None, max_project_spend=None, by=ANA)
    assert Event.objects.filter(verb="workspace.renamed").count() == 1
