"""The page *Landing*, what the overview shows of a young workspace, and the failing cases that the form of an entry offers."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.http import HttpResponse
from django.test import Client

from orchestration.models import Entry, Integration, Landing, Worker
from orchestration.worker import agent_checks
from tests.dashboard.overview.test_page import in_line, text_of
from tests.factories import an_entry
from tests.orchestration.worker.sessions.conftest import shop
from tests.orchestration.worker.sessions.shop import Shop

__all__ = ["shop"]
Make = Callable[..., Shop]
CASES = {"multiply": "no attribute multiply", "divide": "no attribute divide"}
REPORT = "".join(
    f'<testcase classname="t" name="test_{name}"><failure message="{why}"/></testcase>' for name, why in CASES.items()
)
CHECK = {
    "name": "tests",
    "run": f"""echo "<testsuite>{REPORT.replace('"', "'")}<testcase classname='t' name='test_add'/></testsuite>" > j.xml; test -f ok""",
    "junit": "j.xml",
}


@pytest.fixture
def red(shop: Make) -> Shop:
    """A workspace whose base has two failing tests, judged."""
    work = shop(verify=[CHECK])
    work.land()
    return work


def address(work: Shop, tail: str = "") -> str:
    return f"/w/{work.workspace.pk}/{tail}"


def token_of(asked: HttpResponse) -> str:
    """The token of a confirmation page."""
    return asked.content.decode().split('name="confirm" value="')[1].split('"')[0]


def test_a_young_workspace_shows_its_agent_and_what_fails_on_the_base(ana: Client, red: Shop) -> None:
    agent_checks.run_due(Worker.objects.get())
    seen = text_of(ana, address(red))
    assert "1 of 3 tests pass. The 2 that fail do not count against new work." in seen
    assert "Make them the goal" in seen and "looks for its program" not in seen


def test_the_setup_leaves_the_overview_once_something_has_landed(ana: Client, shop: Make) -> None:
    work = shop()
    assert ">Setup<" in text_of(ana, address(work))
    work.run()
    assert ">Setup<" not in text_of(ana, address(work))


def test_a_base_on_which_the_checks_cannot_run_is_the_first_thing_to_see(ana: Client, shop: Make) -> None:
    work = shop(setup=["false"])
    work.land()
    seen = text_of(ana, address(work))
    assert "setup command 1 failed" in seen and "Nothing starts and nothing is paid until they run" in seen


def test_an_agent_that_cannot_start_is_shown_with_what_it_needs(ana: Client, shop: Make) -> None:
    work = shop("no-such-agent")
    ana.post(address(work, "settings/agents/check/"))
    agent_checks.run_due(Worker.objects.get())
    for page in ("", "settings/agents/"):
        assert "begins with no-such-agent, which the session workers do not find" in text_of(ana, address(work, page))


def test_what_fails_on_the_base_becomes_the_goal_of_an_entry(ana: Client, red: Shop) -> None:
    seen = text_of(ana, address(red, "backlog/new/"), goal="base")
    assert "Make the 2 failing tests pass" in seen and "t.test_divide t.test_multiply" in seen


def test_the_form_offers_first_the_failing_cases_of_the_entry(ana: Client, red: Shop) -> None:
    seen = unescape(
        text_of(ana, address(red, "backlog/new/"), fragment="failing", content="Implement multiply", modifies="", creates="")
    )
    assert "2 tests fail on the base; 1 seems to belong to this entry" in seen
    assert seen.index("t.test_multiply") < seen.index("t.test_divide")


def test_chosen_cases_become_the_tests_of_the_entry(ana: Client, red: Shop) -> None:
    form = {"content": "Implement multiply", "priority": "medium", "tests": "t.test_add", "target": ["t.test_multiply"]}
    assert ana.post(address(red, "backlog/new/"), form).status_code == 303
    assert Entry.objects.get().spec["tests"] == ["t.test_add", "t.test_multiply"]


def test_the_preview_of_a_plan_proposes_the_targets_of_its_entries(ana: Client, red: Shop) -> None:
    plan = {"text": "- [ ] Implement multiply\n- [ ] Write a changelog\n"}
    seen = ana.post(address(red, "backlog/plans/import/"), plan | {"do": "preview"}).content.decode()
    assert (
        "1 failing test seems to belong to this entry" in seen
        and 'name="targets" value="1"' in seen
        and 'value="2" form' not in seen
    )
    hidden = {name: re.search(rf'name="{name}" value="([^"]*)"', seen)[1] for name in ("token", "format", "name", "carried")}  # type: ignore[index]
    assert ana.post(address(red, "backlog/plans/import/"), hidden | {"do": "add", "targets": "1"}).status_code == 303
    assert [row.spec.get("tests") for row in Entry.objects.order_by("seq")] == [["t.test_multiply"], None]


def test_marking_work_done_asks_whether_to_land_it(ana: Client, shop: Make) -> None:
    work = shop(verify=[{"name": "ok", "run": "test -f missing"}])
    entry = an_entry(work.workspace, budget="5", budget_rounds=1)
    work.run(entry)
    form = {"reason": "by hand"}
    asked = ana.post(address(work, f"backlog/{entry.pk}/done/"), form)
    assert asked.status_code == 409 and b"Verify and land it" in asked.content and b"Close without landing" in asked.content
    entry.refresh_from_db()
    assert entry.status != "done"
    assert ana.post(address(work, f"backlog/{entry.pk}/done/"), form | {"confirm": token_of(asked)}).status_code == 303
    entry.refresh_from_db()
    assert entry.status == "done" and not Landing.objects.exists()


def test_an_entry_without_work_is_marked_done_at_once(ana: Client, shop: Make) -> None:
    entry = an_entry(shop().workspace)
    assert ana.post(f"/w/{entry.workspace_id}/backlog/{entry.pk}/done/").status_code == 303
    entry.refresh_from_db()
    assert entry.status == "done"


def test_the_page_shows_what_landed_and_what_differs_from_the_base(ana: Client, shop: Make) -> None:
    work = shop()
    work.run(content="Write ok")
    seen = text_of(ana, address(work, "landing/"))
    assert "#1 Write ok" in seen and "1 file, +1 −0." in seen and "Merge into main" in seen


def test_the_tip_is_merged_into_the_base_branch_once_it_is_confirmed(ana: Client, shop: Make) -> None:
    work = shop()
    work.run(content="Write ok")
    form = {"tip": Integration.objects.get().tip}
    asked = ana.post(address(work, "landing/merge/"), form)
    assert asked.status_code == 409 and work.git("rev-parse", "main").strip() != form["tip"]
    assert ana.post(address(work, "landing/merge/"), form | {"confirm": token_of(asked)}).status_code == 303
    assert work.git("rev-parse", "main").strip() == form["tip"]


def test_a_branch_on_which_cases_failed_from_the_start_is_usable_and_not_called_good(ana: Client, red: Shop, shop: Make) -> None:
    seen = text_of(ana, address(red, "landing/"))
    assert "Usable, with failing checks" in seen and ">Good<" not in seen


def test_the_history_has_the_verdict_that_let_work_land(ana: Client, shop: Make) -> None:
    work = shop()
    work.run()
    work.land()
    seen = text_of(ana, address(work, "landing/"))
    assert "all pass" in seen and "run, " not in seen and "Good" in seen


WITHOUT_TEST = "No failing test seems to belong to it. Name its tests"


def test_the_preview_of_a_plan_names_entries_that_no_failing_test_looks_like(ana: Client, red: Shop) -> None:
    plan = {"text": "- [ ] Implement multiply\n- [ ] Write a changelog\n", "do": "preview"}
    seen = in_line(ana.post(address(red, "backlog/plans/import/"), plan).content.decode())
    assert seen.count(WITHOUT_TEST) == 1 and seen.index("Write a changelog") < seen.index(WITHOUT_TEST)


def test_on_a_base_without_a_failing_test_the_preview_shows_nothing_of_tests(ana: Client, shop: Make) -> None:
    work = shop()
    work.land()
    seen = ana.post(address(work, "backlog/plans/import/"), {"text": "- [ ] Write a changelog\n", "do": "preview"})
    assert WITHOUT_TEST not in in_line(seen.content.decode())
