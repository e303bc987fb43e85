"""The settings of a workspace: the config form, unset keys, secrets, and concurrent changes."""

import html
import json
import re
from typing import Any

import pytest
from django.test import Client

from dashboard.settings import config
from dashboard.settings.config_form.fields import Field
from orchestration.configuration import workspace_setup
from orchestration.models import Entry, Executor
from tests.dashboard.overview.test_page import in_line, statements, text_of
from tests.dashboard.seeds import entries as seed
from tests.dashboard.seeds.money_cast import HTMX
from workspaces.models import Event, Workspace


def at(workspace: Workspace, tail: str = "config/") -> str:
    return f"/w/{workspace.pk}/settings/{tail}"


def stored(workspace: Workspace) -> dict[str, Any]:
    return dict(Executor.objects.get(pk=workspace.pk).config)


def filled(client: Client, workspace: Workspace, **change: str) -> dict[str, str]:
    """The form as a browser would send it back, with some fields changed."""
    context = client.get(at(workspace)).context
    form_data = {"seen": context["seen"], "verify.count": str(len(context["checks"])), "next": at(workspace)}
    for section in context["sections"]:
        form_data |= {row["name"]: row["value"] for row in section["rows"]}
        if section["section"].optional:
            form_data[f"has.{section['section'].optional}"] = "on" if section["on"] else "off"
    for check in context["checks"]:
        form_data |= {row["name"]: row["value"] for row in check["rows"]}
    return form_data | {name.replace("__", "."): value for name, value in change.items()}


def save(client: Client, workspace: Workspace, **change: str) -> Any:
    return client.post(at(workspace), filled(client, workspace, **change))


def test_a_form_sent_as_it_is_changes_nothing(ana: Client, workspace: Workspace) -> None:
    workspace_setup.configure(
        workspace,
        {
            "agent": {
                "kind": "command",
                "command": ["python3", "agent.py"],
                "env": {"A_KEY": "very secret"},
                "settings": {"a": {"b": 1}},
            },
            "verify": [{"name": "unit", "run": "pytest -q", "weight": 2, "scope": "entry"}],
            "setup": ["make", ["echo", "a b"], "two\nlines"],
            "prompts": {"review": "Look at {{ diff }}\n"},
        },
        by=seed.ANA,
    )
    before, events = stored(workspace), Event.objects.count()
    assert save(ana, workspace).status_code == 303
    assert stored(workspace) == before and Event.objects.count() == events


def test_a_value_is_saved_reported_and_recorded(ana: Client, workspace: Workspace) -> None:
    response = ana.post(at(workspace), filled(ana, workspace, max_workers="7", agent__model="sonnet"), follow=True)
    assert "Saved: agent.model: default → sonnet, max_workers: 3 → 7" in in_line(response.content.decode())
    assert stored(workspace) == {"max_workers": 7, "round_ceiling_usd": 2, "agent": {"model": "sonnet"}}
    event = Event.objects.filter(verb="workspace.configured").latest("id")
    assert event.data["changes"][1] == {"key": "max_workers", "before": "3", "after": "7"} and event.actor == "ana"
    assert "changed the config: agent, max_workers" in text_of(ana, f"/w/{workspace.pk}/", fragment="activity")


def test_an_empty_field_goes_back_to_the_default(ana: Client, workspace: Workspace) -> None:
    save(ana, workspace, max_workers="")
    assert stored(workspace) == {"round_ceiling_usd": 2} and "Default: 4" in text_of(ana, at(workspace))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("max_workers", "many", "Write a whole number"),
        ("max_workers", "0", "Must be 1 or more"),
        ("max_workers", "9" * 40, "Write a whole number"),
        ("round_ceiling_usd", "1e400", "Write a number"),
        ("round_ceiling_usd", "NaN", "Write a number"),
        ("hold_slice_usd", "0.001", "Must be 0.01 or more"),
        ("integration_branch", "a..b", "Is not a branch name"),
        ("agent.settings", "{not json", "This is not JSON"),
        ("agent.settings", "[" * 100_000, "This JSON cannot be stored"),
        ("agent.env", "NO_VALUE", "Write NAME=value"),
        ("agent.env", "MUSTER_X=1", "are Muster&#x27;s own"),
        ("agent.env", "NEW=…", "has no value yet"),
        ("agent.kind", "skynet", "Must be one of"),
        ("agent.command", "a\x00b", "characters"),
        ("prompts.implement", "{% load os %}", ""),
        ("protected", "/etc/passwd", "characters"),
    ],
)
def test_an_error_is_shown_at_its_field_and_keeps_the_input(
    ana: Client, workspace: Workspace, name: str, value: str, message: str
) -> None:
    before = stored(workspace)
    response = ana.post(at(workspace), filled(ana, workspace) | {name: value, "push.remote": "upstream"})
    seen = in_line(response.content.decode())
    anchor = "f-" + name.replace(".", "-")
    assert response.status_code == 400 and stored(workspace) == before
    assert f'href="#{anchor}"' in seen and f'id="{anchor}-wrong"' in seen and message in seen
    assert 'value="upstream"' in seen


def test_checks_are_added_changed_and_removed(ana: Client, workspace: Workspace) -> None:
    save(ana, workspace, verify__0__name="unit", verify__0__run="pytest -q", verify__0__junit="junit.xml")
    save(ana, workspace, verify__1__name="lint", verify__1__run='["ruff", "check"]', verify__1__weight="0.5")
    assert stored(workspace)["verify"] == [
        {"name": "unit", "run": "pytest -q", "junit": "junit.xml"},
        {"name": "lint", "run": ["ruff", "check"], "weight": 0.5},
    ]
    wrong = save(ana, workspace, verify__1__timeout_s="0")
    assert wrong.status_code == 400 and 'id="f-verify-1-timeout_s-wrong"' in in_line(wrong.content.decode())
    save(ana, workspace, verify__0__remove="on")
    assert [check["name"] for check in stored(workspace)["verify"]] == ["lint"]


def test_named_agents_are_added_changed_and_removed(ana: Client, vera: Client, workspace: Workspace) -> None:
    save(ana, workspace, agents__count="1", agents__0__name="cheap", agents__0__kind="gemini", agents__0__model="flash")
    assert stored(workspace)["agents"] == {"cheap": {"kind": "gemini", "model": "flash"}}
    more = {"agents.count": "2", "agents.0.name": "cheap"}
    save(ana, workspace, **more | {"agents.0.env": "A_KEY=hush-hush", "agents.1.name": "v2.strong"})
    assert stored(workspace)["agents"]["cheap"] == {"kind": "gemini", "model": "flash", "env": {"A_KEY": "hush-hush"}}
    save(ana, workspace, **more | {"agents.0.env": "A_KEY=…", "agents.0.model": "", "agents.1.name": "v2.strong"})
    assert stored(workspace)["agents"] == {"cheap": {"kind": "gemini", "env": {"A_KEY": "hush-hush"}}, "v2.strong": {}}
    for client in (ana, vera):
        page = in_line(text_of(client, at(workspace)))
        assert 'cheap <span class="meta">Gemini CLI</span>' in page and "A_KEY=…" in page and "hush-hush" not in page
    save(ana, workspace, **more | {"agents.0.remove": "on", "agents.1.name": "v2.strong"})
    assert stored(workspace)["agents"] == {"v2.strong": {}}


@pytest.mark.parametrize(
    ("row", "field", "message"),
    [
        ({"0.kind": "skynet"}, "0-kind", "Must be one of"),
        ({"0.timeout_s": "soon"}, "0-timeout_s", "Write a whole number"),
        ({"0.env": "MUSTER_X=1"}, "0-env", "are Muster&#x27;s own"),
        ({"1.name": "a b"}, "1-name", "is not a name for an agent"),
        ({"1.name": "default"}, "1-name", "choose another name"),
        ({"1.name": "v2.cheap"}, "1-name", "this one is taken"),
        ({"1.model": "flash"}, "1-name", "Write its name"),
    ],
)
def test_an_error_of_a_named_agent_is_shown_at_its_field(
    ana: Client, workspace: Workspace, row: dict[str, str], field: str, message: str
) -> None:
    workspace_setup.configure(workspace, {"agents": {"v2.cheap": {"kind": "gemini"}}}, by=seed.ANA)
    form = {"agents.count": "2", "agents.0.name": "v2.cheap"} | {f"agents.{name}": value for name, value in row.items()}
    response = save(ana, workspace, **form)
    seen = in_line(response.content.decode())
    assert response.status_code == 400 and f'href="#f-agents-{field}"' in seen
    assert message in seen.split(f'id="f-agents-{field}-wrong">')[1].split("</p>")[0] and '<details id="agents' in seen


def test_an_agent_that_entries_ask_for_is_not_removed(ana: Client, workspace: Workspace) -> None:
    workspace_setup.configure(workspace, {"agents": {"cheap": {"kind": "gemini"}}}, by=seed.ANA)
    Entry.objects.filter(workspace=workspace, seq=10).update(agent="cheap")
    form = {"agents.count": "1", "agents.0.name": "cheap", "agents.0.remove": "on"}
    response = save(ana, workspace, **form)
    assert response.status_code == 400 and "#10 asks for the agent cheap: choose another" in in_line(response.content.decode())
    Entry.objects.filter(workspace=workspace, seq=10).update(agent="")
    assert save(ana, workspace, **form).status_code == 303 and "agents" not in stored(workspace)


def test_the_environment_of_checks_is_emptied_back_to_that_of_the_agent(ana: Client, workspace: Workspace) -> None:
    save(ana, workspace, env="CI=1")
    assert stored(workspace)["env"] == {"CI": "1"}
    save(ana, workspace, env="")
    assert "env" not in stored(workspace)


def test_a_forge_is_switched_on(ana: Client, workspace: Workspace) -> None:
    save(ana, workspace, has__forge="on", forge__kind="github", forge__repository="team/shop", land_by="pull_request")
    assert stored(workspace)["forge"] == {"kind": "github", "repository": "team/shop"}


def test_a_reviewing_agent_is_switched_on_and_off(ana: Client, workspace: Workspace) -> None:
    save(ana, workspace, has__interceptor="on", interceptor__agent__kind="claude_code", interceptor__round_usd="0.25")
    assert stored(workspace)["interceptor"] == {"agent": {"kind": "claude_code"}, "round_usd": 0.25}
    save(ana, workspace, has__interceptor="off", has__push="on")
    assert "interceptor" not in stored(workspace) and stored(workspace)["push"] == {}


def test_values_of_an_env_are_never_on_a_page_and_stay_when_untouched(ana: Client, vera: Client, workspace: Workspace) -> None:
    workspace_setup.configure(workspace, {"agent": {"env": {"A_KEY": "so-very-secret", "OLD": "x"}}}, by=seed.ANA)
    for client in (ana, vera):
        assert "so-very-secret" not in text_of(client, at(workspace)) and "A_KEY=…" in text_of(client, at(workspace))
    response = ana.post(at(workspace), filled(ana, workspace, agent__env="A_KEY=…\nNEW=also-secret"), follow=True)
    assert stored(workspace)["agent"]["env"] == {"A_KEY": "so-very-secret", "NEW": "also-secret"}
    event = Event.objects.filter(verb="workspace.configured").latest("id")
    assert "also-secret" not in in_line(response.content.decode()) + json.dumps(event.data) and "agent.env.NEW" in json.dumps(
        event.data
    )


def test_the_whole_config_is_edited_as_json(ana: Client, workspace: Workspace) -> None:
    workspace_setup.configure(workspace, {"agent": {"env": {"A_KEY": "kept"}, "settings": {"a": {"b": 1, "c": 2}}}}, by=seed.ANA)
    seen = ana.get(at(workspace)).context
    whole = json.loads(seen["whole"])
    assert whole["agent"]["env"] == {"A_KEY": "…"}
    whole["agent"]["settings"] = {"a": {"b": 1}}
    del whole["max_workers"]
    assert ana.post(at(workspace), {"whole": json.dumps(whole), "seen": seen["seen"]}).status_code == 303
    assert stored(workspace)["agent"] == {"env": {"A_KEY": "kept"}, "settings": {"a": {"b": 1}}}
    assert "max_workers" not in stored(workspace)


@pytest.mark.parametrize(
    "text", ["{", "[]", "null", '{"nobody": 1}', '{"max_workers": "4"}', '{"a": NaN}', "[" * 9999, '{"agent": 5}']
)
def test_json_that_does_not_fit_names_its_key(ana: Client, workspace: Workspace, text: str) -> None:
    before = stored(workspace)
    response = ana.post(at(workspace), {"whole": text, "seen": ana.get(at(workspace)).context["seen"]})
    assert response.status_code == 400 and stored(workspace) == before and "Not saved" in in_line(response.content.decode())


def test_a_concurrent_change_is_reported_and_not_overwritten(ana: Client, workspace: Workspace) -> None:
    mine = filled(ana, workspace, max_workers="9", agent__model="opus")
    workspace_setup.configure(workspace, {"max_workers": 2}, by=seed.ANA)
    response = ana.post(at(workspace), mine)
    seen = in_line(response.content.decode())
    assert response.status_code == 409 and "ana changed max_workers meanwhile" in seen and "Nothing was overwritten" in seen
    assert "please repeat your changes of: agent.model" in seen and stored(workspace)["max_workers"] == 2


def test_others_read_it_and_send_nothing(vera: Client, otto: Client, bea: Client, workspace: Workspace) -> None:
    for client in (vera, otto, bea):
        seen = text_of(client, at(workspace))
        assert "<textarea" not in seen and 'name="max_workers"' not in seen and "Concurrency" in seen
        for tail, form in (("config/", {"max_workers": "9"}), ("rename/", {"name": "Mine"}), ("delete/", {"name": "Invoices"})):
            assert client.post(at(workspace, tail), form).status_code == 403
    workspace.refresh_from_db()
    assert stored(workspace)["max_workers"] == 3 and workspace.name == "Invoices" and workspace.deleted_at is None


def test_who_belongs_nowhere_finds_no_settings(nils: Client, workspace: Workspace) -> None:
    for tail in ("", "config/", "members/"):
        assert nils.get(at(workspace, tail)).status_code == 404
    assert nils.post(at(workspace), {"max_workers": "1"}).status_code == 404


def test_a_workspace_is_renamed(ana: Client, workspace: Workspace) -> None:
    ana.post(at(workspace, "rename/"), {"name": "Bills <b>", "next": at(workspace, "")})
    assert "Bills &lt;b&gt;" in text_of(ana, at(workspace, ""))
    assert ana.post(at(workspace, "rename/"), {"name": "a\x00b"}, headers=HTMX).status_code == 422


def test_it_is_deleted_only_by_its_name_and_not_while_sessions_run(ana: Client, workspace: Workspace) -> None:
    for name, message in (("invoices", "type the name"), ("Invoices", "Sessions are running")):
        response = ana.post(at(workspace, "delete/"), {"name": name}, headers=HTMX)
        assert response.status_code == 422 and message in in_line(response.content.decode())
    quiet = seed.empty("Quiet")
    response = ana.post(at(quiet, "delete/"), {"name": "Quiet"}, follow=True)
    assert "Quiet is deleted" in in_line(response.content.decode()) and ana.get(f"/w/{quiet.pk}/").status_code == 404


def test_a_page_of_settings_asks_few_queries_and_has_few_nodes(ana: Client, workspace: Workspace) -> None:
    checks = [{"name": f"check {n}", "run": "true"} for n in range(5)]
    few = statements(ana, at(workspace))
    workspace_setup.configure(workspace, {"verify": checks}, by=seed.ANA)
    assert statements(ana, at(workspace)) == few <= 12
    assert len(re.findall(r"<[a-z]", text_of(ana, at(workspace)))) < 1400


@pytest.mark.parametrize("role", ["planner", "expander", "orchestrator"])
def test_a_command_agent_that_proposes_is_not_saved_without_its_command(ana: Client, workspace: Workspace, role: str) -> None:
    before = stored(workspace)
    response = save(ana, workspace, **{f"has.{role}": "on"})
    assert response.status_code == 400 and stored(workspace) == before
    assert f'id="f-{role}-agent-command-wrong">Write the command that runs this agent' in in_line(response.content.decode())
    save(ana, workspace, **{f"has.{role}": "on", f"{role}.agent.command": "true"})
    assert stored(workspace)[role] == {"agent": {"command": "true"}}


def test_a_role_gets_a_named_agent_and_one_of_its_own_again(ana: Client, workspace: Workspace) -> None:
    workspace_setup.configure(workspace, {"agents": {"strong": {"kind": "codex"}}}, by=seed.ANA)
    save(ana, workspace, has__verifier="on", verifier__agent="strong", verifier__weight="2")
    assert stored(workspace)["verifier"] == {"agent": "strong", "weight": 2}
    assert save(ana, workspace).status_code == 303 and stored(workspace)["verifier"]["agent"] == "strong"
    both = save(ana, workspace, verifier__agent__kind="gemini")
    assert both.status_code == 400 and "Empty this to give it an agent of its own" in in_line(both.content.decode())
    save(ana, workspace, verifier__agent="", verifier__agent__kind="gemini")
    assert stored(workspace)["verifier"]["agent"] == {"kind": "gemini"}
    save(ana, workspace, verifier__agent="strong")
    assert stored(workspace)["verifier"]["agent"] == "strong"
    save(ana, workspace, verifier__agent="")
    assert stored(workspace)["verifier"]["agent"] == {}


def test_an_unknown_agent_of_a_role_is_shown_at_its_field(ana: Client, workspace: Workspace) -> None:
    response = save(ana, workspace, has__planner="on", planner__agent="gone")
    assert response.status_code == 400
    assert 'id="f-planner-agent-wrong">The config has no agent &#x27;gone&#x27;: choose one of default' in in_line(
        response.content.decode()
    )


def test_a_form_that_is_refused_keeps_what_it_was_written_on(ana: Client, workspace: Workspace) -> None:
    """Somebody else's change between a wrong try and the next is still noticed."""
    mine = filled(ana, workspace, max_workers="many", agent__model="opus")
    workspace_setup.configure(workspace, {"agent": {"model": "sonnet"}}, by=seed.ANA)
    wrong = ana.post(at(workspace), mine)
    assert wrong.status_code == 400 and wrong.context["seen"] == mine["seen"] != ana.get(at(workspace)).context["seen"]
    assert ana.post(at(workspace), mine | {"max_workers": "7"}).status_code == 409
    assert stored(workspace)["agent"] == {"model": "sonnet"} and stored(workspace)["max_workers"] == 3
    unseen = {name: value for name, value in mine.items() if name != "seen"} | {"max_workers": "7"}
    assert ana.post(at(workspace), unseen).status_code == 409


def test_rows_of_checks_that_were_typed_come_back_with_their_errors(ana: Client, workspace: Workspace) -> None:
    typed = filled(ana, workspace) | {
        "verify.count": "3",
        "verify.2.name": "lint",
        "verify.2.timeout_s": "soon",
        "verify.1.remove": "on",
    }
    page = ana.post(at(workspace), typed).context
    assert len(page["checks"]) == 3 and page["checks"][1]["removed"] and not page["checks"][2]["removed"]
    rows = {row["name"]: (row["value"], row["problem"]) for row in page["checks"][2]["rows"]}
    assert rows["verify.2.name"] == ("lint", "") and rows["verify.2.timeout_s"] == ("soon", "Write a whole number")
    assert page["problems"] == [("verify.2.timeout_s", "f-verify-2-timeout_s", "Write a whole number")]


def test_a_part_that_was_switched_on_stays_open_with_its_errors(ana: Client, workspace: Workspace) -> None:
    typed = filled(ana, workspace) | {"has.push": "on", "push.remote": "a b", "max_workers": "0"}
    page = ana.post(at(workspace), typed)
    push = next(each for each in page.context["sections"] if each["section"].optional == "push")
    assert page.status_code == 400 and push["on"] and push["open"] and push["rows"][0]["value"] == "a b"
    assert not next(each for each in ana.get(at(workspace)).context["sections"] if each["section"].optional == "push")["on"]


def test_only_an_admin_has_an_empty_row_for_a_new_check(ana: Client, vera: Client, workspace: Workspace) -> None:
    workspace_setup.configure(workspace, {"verify": [{"name": "unit", "run": "true"}]}, by=seed.ANA)
    assert [len(client.get(at(workspace)).context["checks"]) for client in (ana, vera)] == [2, 1]


def test_changes_are_named_to_their_last_key_but_those_of_free_objects_as_a_whole() -> None:
    change = {"max_workers": 1, "agent": {"model": "x", "env": {"A_KEY": "hush-hush"}, "settings": {"a": {"b": 1}}}, "push": {}}
    assert config._named(change) == ["max_workers", "agent.model", "agent.env", "agent.settings", "push"]


def test_a_default_of_many_lines_is_cut_with_their_number() -> None:
    lines = Field("x", "X", kind="lines")
    assert [config._text(lines, value) for value in (None, [], ["a"], ["a", "b", "c"], ["a", "b", "c", "d", "e"])] == [
        "", "", "a", "a, b, c", "a, b, c and 2 more"]  # fmt: skip


def test_a_name_that_differs_in_a_letters_case_is_another_and_a_blank_confirms_nothing(ana: Client) -> None:
    quiet = seed.empty("Quiet")
    for typed in ("quiet", "Quiet ", ""):
        assert ana.post(at(quiet, "delete/"), {"name": typed}, headers=HTMX).status_code == 422
    before = Event.objects.count()
    ana.post(at(quiet, "rename/"), {"name": "Quiet"})
    assert Event.objects.count() == before
    ana.post(at(quiet, "rename/"), {"name": "QUIET"})
    quiet.refresh_from_db()
    assert quiet.name == "QUIET" and quiet.deleted_at is None


def test_routes_are_written_as_people_write_them(ana: Client, workspace: Workspace) -> None:
    workspace_setup.configure(workspace, {"agents": {"cheap": {"kind": "codex"}}}, by=seed.ANA)
    saved = save(ana, workspace, route="cheap 2 > default", routes="db*: cheap high > default\nweb: a: default")
    assert saved.status_code == 303
    assert stored(workspace)["route"] == [{"agent": "cheap", "rounds": 2}, {"agent": "default"}]
    assert [each["group"] for each in stored(workspace)["routes"]] == ["db*", "web: a"]
    seen = html.unescape(ana.get(at(workspace)).content.decode())
    assert 'value="cheap 2 > default"' in seen and "db*: cheap high > default\nweb: a: default" in seen
    for field, text, words in (
        ("route", "gone", "Route, step 1: the config has no agent 'gone'"),
        ("route", "cheap 2 >", "Step 2, '', is no step"),
        ("routes", "cheap 2 > default", "Write GROUP: ROUTE on each line"),
    ):
        refused = save(ana, workspace, **{field: text})
        assert refused.status_code == 400 and words in html.unescape(refused.content.decode())
    save(ana, workspace, route="", routes="")
    assert "route" not in stored(workspace) and "routes" not in stored(workspace)
