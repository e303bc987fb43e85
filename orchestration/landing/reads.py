"""The state of a workspace's integration branch and landing queue, for the page and the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from orchestration import configuration
from orchestration.git import branches, changes
from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.landing import branch
from orchestration.models import Entry, Executor, Integration, IntegrationCommit, Landing, PullRequest, TreeVerdict
from orchestration.repositories import local_repository
from orchestration.verdicts import checks_hash, store, targets
from workspaces.models import Workspace

MAX_RECENT = 1_000
"""The newest landings of a workspace, among which those since a time are looked for: the number of old ones makes no difference."""


@dataclass(frozen=True)
class Distance:
    """The distance of the integration branch from the base branch, in commits. None: git cannot say."""

    ahead: int | None = None
    behind: int | None = None


@dataclass(frozen=True)
class Summary:
    """A verdict in figures. Of several checks, the sums. `names`: of the failing cases, the first ones of each check."""

    passing: int = 0
    failing: int = 0
    seconds: float = 0.0
    green: bool = False
    names: tuple[str, ...] = ()
    checks: tuple[dict[str, Any], ...] = ()

    @property
    def total(self) -> int:
        return self.passing + self.failing


def integration(workspace_id: str) -> Integration:
    return branch.ensure(workspace_id)


def landed_since(at: datetime, workspace: str | OuterRef) -> QuerySet[Landing]:
    """The landings since a time that have stayed so, of a workspace or of that of an outer query: an entry may be there twice."""
    of_workspace = {"workspace": workspace if isinstance(workspace, str) else OuterRef("workspace")}
    newest = Landing.objects.filter(**of_workspace).order_by("-id").values("pk")[:MAX_RECENT]
    landed = Landing.objects.filter(workspace=workspace, kind=Landing.Kind.ENTRY, state=Landing.State.LANDED, ended_at__gte=at)
    return landed.filter(pk__in=newest, entry__status=Entry.Status.DONE, entry__deleted_at__isnull=True)


def with_people(workspace_id: str) -> QuerySet[Landing]:
    """Work that waits for an approval, or for the merge of its pull request, whose address is `pull_url`: the longest first. One query."""
    pull = PullRequest.objects.filter(entry=OuterRef("entry"), state=PullRequest.State.OPEN).values("url")[:1]
    waiting = Landing.objects.filter(workspace_id=workspace_id, state__in=Landing.UNDECIDED, entry__isnull=False)
    return waiting.annotate(pull_url=Subquery(pull)).select_related("entry").order_by("pk")


def history(workspace_id: str) -> QuerySet[IntegrationCommit]:
    """Muster's commits on the branch, newest first."""
    rows = IntegrationCommit.objects.filter(workspace_id=workspace_id, state=IntegrationCommit.State.DONE)
    return rows.select_related("verdict").prefetch_related("landings__entry").order_by("-pk")


def distance(workspace: Workspace, tip: str) -> Distance:
    """Count the commits between the tip and the base branch. One git process."""
    if not tip:
        return Distance()
    try:
        counts = git.run(
            local_repository.path(workspace), "rev-list", "--left-right", "--count", f"refs/heads/{workspace.base_branch}...{tip}"
        )
    except GitError:
        return Distance()
    behind, ahead = (int(number) for number in counts.split())
    return Distance(ahead, behind)


def entries_ahead(workspace: Workspace, tip: str) -> int:
    """The number of entries whose work is on the integration branch and not in the base branch. One git process, two queries."""
    if not tip:
        return 0
    try:
        commits = git.run(
            local_repository.path(workspace), "rev-list", "--first-parent", f"refs/heads/{workspace.base_branch}..{tip}"
        ).split()
    except GitError:
        return 0
    newest = history(workspace.pk).prefetch_related(None).select_related(None).values_list("pk", "new")[:MAX_RECENT]
    ahead = set(commits)
    landed = Landing.objects.filter(intent__in=[pk for pk, new in newest if new in ahead], state=Landing.State.LANDED)
    return landed.filter(entry__status=Entry.Status.DONE, entry__deleted_at__isnull=True).values("entry").distinct().count()


def changed_files(workspace: Workspace, tip: str) -> list[tuple[str, int, int]]:
    """Each file that differs from the base branch, with inserted and deleted lines; binary files count none. One git process."""
    if not tip:
        return []
    command = ("diff", "--numstat", "--no-renames", "--no-ext-diff", "-z", f"refs/heads/{workspace.base_branch}...{tip}")
    try:
        lines = git.run(local_repository.path(workspace), *command).split("\0")
    except GitError:
        return []
    fields = [line.split("\t", 2) for line in lines if line]
    return [(name, int(plus) if plus.isdigit() else 0, int(minus) if minus.isdigit() else 0) for plus, minus, name in fields]


def verdict_of(workspace: Workspace, commit: str) -> TreeVerdict | None:
    """The newest verdict on a commit's tree by today's checks."""
    if not commit:
        return None
    config = configuration.load(Executor.objects.get(pk=workspace.pk).config)
    try:
        tree = changes.tree_of(local_repository.path(workspace), commit)
    except GitError:
        return None
    return store.newest(workspace.pk, tree, checks_hash.of(config))


def summary(verdict: TreeVerdict) -> Summary:
    """The figures of a verdict."""
    checks = store.counted(verdict)
    with_cases = [check for check in checks if check.get("cases")]
    return Summary(
        passing=sum(check["cases"]["passing"] for check in with_cases),
        failing=sum(store.failing_in(check) for check in with_cases),
        seconds=verdict.seconds,
        green=store.is_green(verdict),
        names=tuple(name for check in with_cases for name in check["cases"]["failing"]),
        checks=tuple(checks),
    )


def failing_on_tip(workspace: Workspace) -> dict[str, str]:
    """The cases that fail on the branch's tip, with the first lines of their messages: what an entry may be meant to fix."""
    verdict = verdict_of(workspace, integration(workspace.pk).tip)
    if verdict is None:
        return {}
    return {name: message for run in store.runs_of(verdict).values() if run.cases for name, message in run.cases.failed.items()}


def likely_targets(workspace: Workspace, drafts: Mapping[int, tuple[str, Mapping[str, Any]]]) -> dict[int, list[str]]:
    """For each draft (content and spec) that names no tests: the cases that fail on the branch's tip and that it is likely about. An empty list:
    none, so its work may be unproven. Without a failing case there are no keys. A fixed number of queries."""
    without = {key: (content, spec) for key, (content, spec) in drafts.items() if not spec.get("tests")}
    failing = failing_on_tip(workspace) if without else {}
    if not failing:
        return {}
    cases = targets.by_word(failing)
    return {
        key: targets.proposed(
            cases,
            len(failing),
            title=content.strip().split("\n")[0],
            files=[*(spec.get("files_to_modify") or ()), *(spec.get("files_to_create") or ())],
        )
        for key, (content, spec) in without.items()
    }


def shown_check(check: dict[str, Any]) -> dict[str, Any]:
    """A check's evidence without the names of passed cases and without what only later comparisons need."""
    shown = {name: value for name, value in check.items() if not name.startswith("raw_")}
    if "cases" in shown:
        shown["cases"] = {name: value for name, value in shown["cases"].items() if name != "passed"}
    return shown


def on_page(check: dict[str, Any]) -> dict[str, Any]:
    """A check as it is shown, with the number of its failing cases: their list may be cut."""
    return shown_check(check) | ({"failing": store.failing_in(check)} if check.get("cases") else {})


def base_commit(workspace: Workspace) -> str:
    return branches.tip(local_repository.path(workspace), workspace.base_branch) or ""
