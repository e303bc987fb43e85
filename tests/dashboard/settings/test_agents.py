"""The pages about agents show whether they can work, what they get, and the evidence of their rounds."""

from django.test import Client
from django.utils.timezone import now

from orchestration.configuration import secrets, workspace_setup
from orchestration.models import Entry, Executor, ProviderBreaker, Round, Secret, Session, Worker
from tests.dashboard.overview.test_page import statements, text_of
from tests.dashboard.seeds import entries as seed
from tests.factories import an_open_breaker
from workspaces.models import Workspace


def trouble(workspace: Workspace) -> None:
    message = "The provider refused the key: 401. Set a valid key among the workspace's secrets, then try again."
    an_open_breaker(workspace, "auth", message)


def test_an_open_breaker_is_on_top_of_the_page_with_its_next_step(otto: Client, workspace: Workspace) -> None:
    assert "Agents cannot run" not in text_of(otto, f"/w/{workspace.pk}/")
    trouble(workspace)
    seen = text_of(otto, f"/w/{workspace.pk}/")
    assert "Agents cannot run" in seen and "Set a valid key among the workspace&#x27;s secrets" in seen
    otto.post(f"/w/{workspace.pk}/settings/agents/retry/")
    assert "Agents cannot run" not in text_of(otto, f"/w/{workspace.pk}/settings/agents/")


def test_one_click_gives_a_workspace_of_before_private_networks_where_they_work(
    ana: Client, otto: Client, workspace: Workspace
) -> None:
    page, change = f"/w/{workspace.pk}/settings/agents/", f"/w/{workspace.pk}/settings/config/"
    assert "share the host&#x27;s ports" not in text_of(ana, page)
    Worker.objects.update(agents={"sandbox": "bubblewrap 0.12; private networks work"})
    assert "share the host&#x27;s ports" in text_of(ana, page) and 'value="private"' not in text_of(otto, page)
    form = {"sandbox.network": "private", "seen": ana.get(page).context["config_version"]}
    assert ana.post(change, {**form, "seen": "another"}).status_code == 409
    assert ana.post(change, form).status_code == 303
    assert Executor.objects.get(pk=workspace.pk).config["sandbox"] == {"network": "private"}
    assert "share the host&#x27;s ports" not in text_of(ana, page)


def test_a_secret_is_set_by_a_form_and_never_shown(ana: Client, workspace: Workspace) -> None:
    form = {"name": "OPENAI_API_KEY", "value": "sk-so-very-secret", "next": f"/w/{workspace.pk}/settings/agents/"}
    assert ana.post(f"/w/{workspace.pk}/settings/agents/secrets/", form).status_code == 303
    assert secrets.for_agents(workspace.pk) == {"OPENAI_API_KEY": "sk-so-very-secret"}
    for page in (f"/w/{workspace.pk}/settings/agents/", f"/w/{workspace.pk}/"):
        assert "sk-so-very-secret" not in text_of(ana, page)
    ana.post(f"/w/{workspace.pk}/settings/agents/secrets/OPENAI_API_KEY/remove/")
    assert not Secret.objects.exists()


def test_only_an_admin_sets_secrets(otto: Client, workspace: Workspace) -> None:
    response = otto.post(f"/w/{workspace.pk}/settings/agents/secrets/", {"name": "A_KEY", "value": "some value"})
    assert response.status_code == 403 and not Secret.objects.exists()
    assert 'id="secret-value"' not in text_of(otto, f"/w/{workspace.pk}/settings/agents/")


def test_what_the_config_holds_for_agents_is_named_but_not_shown(vera: Client, workspace: Workspace) -> None:
    row = Executor.objects.get(pk=workspace.pk)
    row.config = {**row.config, "agent": {"kind": "claude_code", "env": {"ANTHROPIC_API_KEY": "sk-in-the-config"}}}
    row.save()
    seen = text_of(vera, f"/w/{workspace.pk}/settings/agents/")
    assert "Claude Code" in seen and "ANTHROPIC_API_KEY" in seen and "sk-in-the-config" not in seen


def test_named_agents_are_listed_with_the_open_entries_that_ask_for_them(ana: Client, vera: Client, workspace: Workspace) -> None:
    page = f"/w/{workspace.pk}/settings/agents/"
    assert "Named agents" not in text_of(vera, page) and "settings/config/#agents-h" in text_of(ana, page)
    workspace_setup.configure(workspace, {"agents": {"cheap": {"kind": "gemini", "model": "flash"}}}, by=seed.ANA)
    Entry.objects.filter(workspace=workspace, seq__in=[9, 10, 12]).update(next_agent="cheap")  # by their route, say; 9 is done
    named = ana.get(page).context["named"]
    assert [(item["name"], item["title"], item["agent"].model, item["asked"]) for item in named] == [
        ("default", "Any command", None, 8),
        ("cheap", "Gemini CLI", "flash", 2),
    ]
    assert '?status=open&amp;q=asks:cheap">2</a>' in text_of(vera, page) and "#agents-h" not in text_of(vera, page)


def test_a_session_that_waits_for_its_provider_is_marked(ana: Client, workspace: Workspace) -> None:
    session = Session.objects.filter(workspace=workspace, status="running").first()
    assert session is not None
    Session.objects.filter(pk=session.pk).update(waiting_for="429, attempt 3 of 10", waiting_until=now())
    assert "waiting for the provider: 429, attempt 3 of 10" in text_of(ana, f"/w/{workspace.pk}/")
    assert "Waiting for the provider: 429" in text_of(ana, f"/w/{workspace.pk}/sessions/{session.pk}/")


def test_a_rounds_evidence_is_there_to_be_opened(ana: Client, workspace: Workspace) -> None:
    round_ = Round.objects.filter(entry__workspace=workspace).first()
    assert round_ is not None
    cases = {"passing": 1, "passed": ["t.a"], "failing": ["t.b"], "newly_failing": ["t.b"]}
    round_.checks = [
        {
            "name": "unit",
            "command": "pytest -q",
            "passed": False,
            "score": 0.5,
            "seconds": 1.25,
            "cases": cases,
            "tail": "<b>no</b>",
        },
        {"name": "lint", "passed": True, "flaky": True, "note": "flaky: it failed, and passed when it was run once more"},
    ]
    round_.review = {"verdict": "objections", "reasons": ["<i>add</i> subtracts"]}
    round_.prompt = "# Task 1, round 1"
    round_.save()
    seen = text_of(ana, f"/w/{workspace.pk}/backlog/{round_.entry_id}/rounds/{round_.number}/")
    for fact in ("pytest -q", "1.25 s", "newly failing: t.b", "&lt;b&gt;no", "flaky", "&lt;i&gt;add", "# Task 1, round 1"):
        assert fact in seen, fact


def test_the_page_costs_the_same_whatever_there_is(ana: Client, workspace: Workspace) -> None:
    few = statements(ana, f"/w/{workspace.pk}/settings/agents/")
    for n in range(20):
        secrets.put(workspace.pk, f"KEY_{n}", "value-value", by=seed.ANA)
    assert statements(ana, f"/w/{workspace.pk}/settings/agents/") == few


def test_each_role_has_its_own_agent_and_limit_and_secrets_are_of_this_workspace(ana: Client, workspace: Workspace) -> None:
    secrets.put(seed.empty("Other").pk, "OF_OTHERS", "value-value", by=seed.ANA)
    for name in ("B_KEY", "A_KEY"):
        secrets.put(workspace.pk, name, "value-value", by=seed.ANA)
    row = Executor.objects.get(pk=workspace.pk)
    row.config = {
        "agent": {"kind": "codex"},
        "interceptor": {"agent": {"kind": "claude_code"}, "round_usd": 0.2},
        "verifier": {"agent": {"kind": "aider"}, "round_usd": 0.3},
        "planner": {"agent": {"kind": "gemini"}, "run_usd": 0.4},
    }
    row.save()
    page = ana.get(f"/w/{workspace.pk}/settings/agents/").context
    assert [(role["does"], role["agent"].kind, role["limit"]) for role in page["roles"]] == [
        ("Implements", "codex", None), ("Reviews each diff", "claude_code", 200_000), ("Verifies the criteria", "aider", 300_000),
        ("Plans", "gemini", 400_000)]  # fmt: skip
    assert [secret.name for secret in page["secrets"]] == ["A_KEY", "B_KEY"] and page["may_admin"]
    assert page["sandbox"] and '"kind": "codex"' in page["config"]


def test_a_retry_is_of_this_workspace_alone(otto: Client, workspace: Workspace) -> None:
    other = seed.empty("Other")
    for each in (workspace, other):
        trouble(each)
    otto.post(f"/w/{workspace.pk}/settings/agents/retry/")
    assert [row.workspace for row in ProviderBreaker.objects.exclude(code="")] == [other]
    assert otto.post(f"/w/{other.pk}/settings/agents/retry/").status_code == 404
