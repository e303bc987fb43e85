"""The actions that the person may take, each as the form or the link that its page has. One that destroys leads to its confirmation."""

from collections.abc import Iterator

from django.urls import reverse

from dashboard.find.hits import Hit
from orchestration.models import Executor
from workspaces.access import Caller, Need
from workspaces.models import Workspace

SWITCH = {
    Executor.State.RUNNING: ("pause", "Pause dispatch", "Running sessions continue"),
    Executor.State.PAUSED: ("resume", "Resume dispatch", ""),
    Executor.State.STOPPED: ("start", "Start the executor", ""),
}
THEMES = (("dark", "Use the dark theme"), ("light", "Use the light theme"), ("system", "Use the system's theme"))


def in_workspace(workspace: Workspace, executor: Executor, rights: set[Need]) -> Iterator[Hit]:
    here = [workspace.pk]
    if Need.OPERATE in rights:
        yield Hit("New entry", reverse("entry-new", args=here), also="add create task")
        verb, title, detail = SWITCH[Executor.State(executor.state)]
        version = ("version", str(executor.version))
        yield Hit(title, reverse("executor", args=[workspace.pk, verb]), detail, "executor", is_form=True, field=version)
        yield Hit("Stop all…", reverse("executor-stop", args=here), "Asks first", "sessions kill halt")
        yield Hit("Dispatch now", reverse("dispatch", args=here), "Runs a cycle", "force executor", is_form=True)
        yield Hit("Import a plan", reverse("plan", args=here), also="entries markdown")
        yield Hit("Plan a goal with an agent", reverse("goal", args=here), also="planner orchestrator")
        yield Hit("Check the integration branch now", reverse("landing-check", args=here), also="landing tests", is_form=True)
    if Need.BUDGET in rights:
        yield Hit("Change the cap…", f"{reverse('budget', args=here)}#cap-edit", also="money limit budget raise")
        yield Hit("New budget review", reverse("reviews", args=here), also="money")


def on_site(caller: Caller) -> Iterator[Hit]:
    if caller.everywhere:
        yield Hit("New workspace", reverse("workspace-new"), also="add repository create")
    for theme, title in THEMES:
        yield Hit(title, reverse("theme"), also="appearance colours", is_form=True, field=("theme", theme))
    yield Hit("Log out", reverse("logout"), also="sign leave", is_form=True)
