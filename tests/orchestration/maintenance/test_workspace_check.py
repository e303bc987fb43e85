"""`./muster workspace check ID`: shows before the first cent whether the agent can work, and what the checks give on the base."""

from collections.abc import Callable

import pytest

from orchestration.configuration import agent_checks
from orchestration.maintenance import workspace_check
from orchestration.models import Worker
from orchestration.worker import agent_checks as on_worker
from tests.orchestration.worker.sessions.conftest import shop
from tests.orchestration.worker.sessions.shop import Shop

__all__ = ["shop"]
Make = Callable[..., Shop]
REPORT = '<testsuite><testcase classname="t" name="old"><failure message="no"/></testcase><testcase classname="t" name="fine"/></testsuite>'


@pytest.fixture(autouse=True)
def _a_worker_looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    request = agent_checks.request

    def requested(workspace_id: str) -> None:
        request(workspace_id)
        on_worker.run_due(Worker.objects.get())

    monkeypatch.setattr(agent_checks, "request", requested)


def check(workspace_id: str, **more: object) -> tuple[int, str]:
    lines: list[str] = []
    code = workspace_check.run(workspace_id, again=bool(more.get("again")), timeout_s=0.1, write_line=lines.append)
    return code, "\n".join(lines)


def test_it_names_the_cases_that_fail_before_any_entry(shop: Make) -> None:
    work = shop(verify=[{"name": "tests", "run": f"echo '{REPORT}' > j.xml; exit 1", "junit": "j.xml"}])
    work.land()
    code, text = check(work.workspace.pk)
    assert code == 0 and "tests: fails, 1 of 2 cases pass" in text
    assert "1 case fails before any entry" in text and "  t.old" in text


def test_an_exit_code_alone_must_become_good(shop: Make) -> None:
    work = shop(verify=[{"name": "tests", "run": "false"}])
    work.land()
    assert "An exit code cannot tell one failure from another" in check(work.workspace.pk)[1]


def test_a_pytest_that_ran_no_test_is_pointed_at_its_option(shop: Make) -> None:
    case = "<testcase name='tests.test_a'><error message='collection failure'>E  ImportError: no</error></testcase>"
    work = shop(verify=[{"name": "tests", "run": f'echo "<testsuite>{case}</testsuite>" > j.xml; exit 2', "junit": "j.xml"}])
    work.land()
    assert "with --continue-on-collection-errors it runs the others" in check(work.workspace.pk)[1]


def test_checks_that_cannot_run_are_an_error(shop: Make) -> None:
    work = shop(setup=["false"])
    work.land()
    code, text = check(work.workspace.pk)
    assert code == 1 and "setup command 1 failed" in text


def test_without_checks_it_warns_and_an_unknown_workspace_is_named(shop: Make) -> None:
    code, text = check(shop(verify=[]).workspace.pk)
    assert code == 0 and "No verify command is configured: every result of the agent will pass." in text
    assert check("ws_nowhere")[0] == 2


def test_an_agent_that_cannot_start_is_an_error(shop: Make) -> None:
    code, text = check(shop("no-such-program --fast").workspace.pk)
    assert code == 1 and "begins with no-such-program, which the session workers do not find" in text


def test_without_a_worker_it_is_an_error(shop: Make) -> None:
    work = shop()
    Worker.objects.all().delete()
    assert check(work.workspace.pk)[0] == 1


def test_a_forge_that_cannot_be_used_is_an_error(shop: Make) -> None:
    work = shop(land_by="pull_request", forge={"kind": "github", "repository": "team/shop"})
    work.land()
    code, text = check(work.workspace.pk)
    assert code == 1 and "Forge: The secret FORGE_TOKEN is not set. Give the workspace a secret FORGE_TOKEN" in text
