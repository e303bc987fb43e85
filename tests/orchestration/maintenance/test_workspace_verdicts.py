"""`./muster workspace check ID` waits for a verdict on the tip, and shows it; without a worker process."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.maintenance import workspace_check
from orchestration.models import Integration, TreeVerdict
from tests.factories import a_workspace
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
CHECK = {"name": "tests", "passed": False, "raw_passed": False, "cases": {"passing": 3, "failing": ["t.a"]}}


class Lander:
    """Its clock goes on while the command sleeps. `looks`: what happens at which second."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.now, self.woken, self.lines = workspace, 0.0, 0, list[str]()
        self.verdict: TreeVerdict | None = None
        self.looks: dict[float, Callable[[], object]] = {}
        self.is_online = True

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for at in [at for at in self.looks if at <= self.now]:
            self.looks.pop(at)()

    def judge(self) -> None:
        self.verdict = TreeVerdict.objects.create(
            workspace=self.workspace,
            tree="a" * 40,
            checks_hash="h",
            commit="b" * 40,
            kind="tip",
            passed=True,
            at=now(),
            checks=[CHECK],
        )

    def set_(self, **values: Any) -> None:
        Integration.objects.update_or_create(pk=self.workspace.pk, defaults=values)

    def look(self, *, again: bool = False) -> TreeVerdict | None:
        return workspace_check._verdict(self.workspace, again=again, timeout_s=10, write_line=self.lines.append)


@pytest.fixture
def lander(monkeypatch: pytest.MonkeyPatch) -> Lander:
    lander = Lander(a_workspace())
    monkeypatch.setattr(workspace_check.time, "monotonic", lambda: lander.now)
    monkeypatch.setattr(workspace_check.time, "sleep", lander.sleep)
    monkeypatch.setattr(workspace_check.reads, "verdict_of", lambda *_: lander.verdict)
    monkeypatch.setattr(
        workspace_check.branch, "wake", lambda pk: setattr(lander, "woken", lander.woken + (pk == lander.workspace.pk))
    )
    monkeypatch.setattr(workspace_check, "_is_worker_online", lambda: lander.is_online)
    return lander


def test_a_verdict_that_is_there_is_shown_at_once_and_another_one_only_on_request(lander: Lander) -> None:
    lander.judge()
    first = lander.verdict
    assert lander.look() == first and (lander.now, lander.woken) == (0.0, 1)
    assert not Integration.objects.get(pk=lander.workspace.pk).recheck
    other = a_workspace(name="Other")
    Integration.objects.get_or_create(pk=other.pk)
    lander.looks[3.0] = lander.judge
    assert lander.look(again=True) == lander.verdict != first and lander.now == 3.0
    assert [Integration.objects.get(pk=pk).recheck for pk in (lander.workspace.pk, other.pk)] == [True, False]


def test_without_a_verdict_it_gives_up_in_time(lander: Lander) -> None:
    assert lander.look() is None and lander.lines == ["No result within 10 s"] and lander.now == 10.0


def test_each_phase_is_written_once(lander: Lander) -> None:
    for at, phase in ((1.0, "setup"), (2.0, "tests"), (4.0, "")):
        lander.looks[at] = lambda phase=phase: lander.set_(phase=phase)  # type: ignore[misc]
    lander.looks[5.0] = lander.judge
    assert lander.look() == lander.verdict and lander.lines == ["  setup", "  tests"]


@pytest.mark.parametrize("state", ["red", "waiting", "unusable"])
def test_a_branch_on_which_nothing_can_start_ends_the_wait_with_its_message(lander: Lander, state: str) -> None:
    lander.looks[2.0] = lambda: lander.set_(state=state, message="It broke")
    assert lander.look() is None and lander.lines == ["It broke"] and lander.now == 2.0


def test_a_worker_that_goes_ends_the_wait(lander: Lander) -> None:
    lander.looks[2.0] = lambda: setattr(lander, "is_online", False)
    assert lander.look() is None and lander.lines == ["The session worker is gone: start Muster again"]


def described(lander: Lander, *checks: dict[str, Any], apart: set[str] | None = None) -> list[str]:
    lander.judge()
    assert lander.verdict is not None
    lander.verdict.checks, lander.verdict.seconds = list(checks), 3.14
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workspace_check.scopes, "entry_scoped", lambda *_: apart or set())
        config: Any = SimpleNamespace(integration_branch="muster/integration")
        return list(workspace_check._described(lander.workspace, config, lander.verdict))


def test_the_figures_of_each_check_are_shown(lander: Lander) -> None:
    passes = {"name": "lint", "passed": True, "raw_passed": True, "note": "Took its time"}
    plain = {"name": "build", "passed": False, "raw_passed": False}
    head, *lines = described(lander, CHECK, passes, plain, apart={"build"})
    assert head == f"Checks on {'b' * 12} (muster/integration): 3.1 s"
    assert lines[:3] == ["  tests: fails, 3 of 4 cases pass", "  lint: passes", "    Took its time"]
    assert lines[3] == "  build: fails, looks at its entry: never compared with a base"
    assert lines[4].startswith("    An exit code cannot tell one failure from another")
    assert lines[5].startswith("1 case fails before any entry") and lines[6:] == ["  t.a"]


def test_twenty_failing_cases_are_named_and_the_others_counted(lander: Lander) -> None:
    for number, others in ((20, []), (21, ["  and 1 more"])):
        names = [f"t.{n}" for n in range(number)]
        lines = described(lander, CHECK | {"cases": {"passing": 0, "failing": names}})
        at = next(n for n, line in enumerate(lines) if line.startswith(f"{number} cases fail before any entry"))
        assert lines[at + 1 :] == [f"  {name}" for name in names[:20]] + others
