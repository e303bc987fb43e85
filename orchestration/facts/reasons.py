"""The reasons why an entry does not move: every reason code, its short names, and what a person can do about it. Pure: no Django.

The sentence with amounts and names is written by the check itself, in `executor/plan.py`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Page = Literal["entry", "budget", "landing", "locks", "agents", "sessions", "executor"]
Grant = Literal["operate", "budget"]


class Reason(StrEnum):
    """In the order of the plan's checks; then the reasons that the end of a session leaves.

    PENDING and EXECUTOR_RUNNING name checks that passed: no entry carries them.
    """

    PENDING = "pending"
    DEPENDENCIES_PENDING = "dependencies_pending"
    CHILDREN_UNFINISHED = "children_unfinished"
    SPLIT_ASKED = "split_asked"
    WAITING_FOR_ANSWER = "waiting_for_answer"
    EXECUTOR_RUNNING = "executor_running"
    EXECUTOR_PAUSED = "executor_paused"
    EXECUTOR_STOPPED = "executor_stopped"
    NO_WORKER_ONLINE = "no_worker_online"
    NO_HOST_FITS = "no_host_fits"
    REPOSITORY_UNAVAILABLE = "repository_unavailable"
    AGENT_UNAVAILABLE = "agent_unavailable"
    INTEGRATION_RED = "integration_red"
    FILES_LOCKED = "files_locked"
    CONCURRENCY_LIMIT = "concurrency_limit"
    HUMAN_HOLD = "human_hold"
    BUDGET_EXCEEDED = "budget_exceeded"
    PROJECT_BUDGET_EXCEEDED = "project_budget_exceeded"
    MONEY_RESERVED = "money_reserved"
    DEPENDENCY_FAILED = "dependency_failed"
    ROUNDS_EXHAUSTED = "rounds_exhausted"
    NO_IMPROVEMENT = "no_improvement"
    NO_CHANGE = "no_change"
    MERGE_CONFLICT = "merge_conflict"
    WAITING_FOR_APPROVAL = "waiting_for_approval"
    WAITING_FOR_MERGE = "waiting_for_merge"
    MERGE_REJECTED = "merge_rejected"
    WAITING_FOR_PROOF = "waiting_for_proof"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Remedy:
    """A button that leads to the page, or to the tab of the entry's page, where a person can act."""

    button: str
    page: Page
    tab: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """The names of a reason on pages.

    `label`: of a check, a filter, a column. `group`: of entries, "3 waiting for locked files". `aliases`: what else the search takes after
    `reason:`.
    `needs_person`: nothing but a person moves the entry, so it is on the attention list. `no_funding`: more budget does not help; the
    entry keeps what it has. `returns_without`: a released entry is blocked again at once unless somebody with this grant acts first.
    """

    label: str
    group: str
    remedy: Remedy
    aliases: tuple[str, ...] = ()
    needs_person: bool = False
    no_funding: bool = False
    returns_without: Grant | None = None


_EXECUTOR_PAGE = Remedy("View executor", "executor")

WORDS: Mapping[Reason, Words] = {
    Reason.DEPENDENCIES_PENDING: Words(
        label="Dependency",
        group="waiting for dependencies",
        aliases=("deps", "dependency", "dependencies"),
        remedy=Remedy("View dependencies", "entry", "deps"),
    ),
    Reason.CHILDREN_UNFINISHED: Words(
        label="Children",
        group="waiting for their children",
        aliases=("children", "split"),
        no_funding=True,
        remedy=Remedy("View children", "entry", "children"),
    ),
    Reason.SPLIT_ASKED: Words(
        label="Being split",
        group="waiting for an agent's proposal to split them",
        aliases=("expander",),
        remedy=Remedy("View the run", "entry", "children"),
    ),
    Reason.WAITING_FOR_ANSWER: Words(
        label="Question",
        group="waiting for an answer",
        aliases=("answer", "question"),
        needs_person=True,
        remedy=Remedy("Answer", "entry", "talk"),
    ),
    Reason.EXECUTOR_PAUSED: Words(
        label="Executor paused",
        group="waiting for the executor to resume",
        aliases=("paused",),
        remedy=_EXECUTOR_PAGE,
    ),
    Reason.EXECUTOR_STOPPED: Words(
        label="Executor not started",
        group="waiting for the executor to start",
        aliases=("stopped",),
        remedy=_EXECUTOR_PAGE,
    ),
    Reason.NO_WORKER_ONLINE: Words(
        label="No worker online",
        group="waiting for a session worker",
        aliases=("worker",),
        remedy=_EXECUTOR_PAGE,
    ),
    Reason.NO_HOST_FITS: Words(
        label="No host fits",
        group="waiting for a host that fits",
        aliases=("host",),
        remedy=_EXECUTOR_PAGE,
    ),
    Reason.REPOSITORY_UNAVAILABLE: Words(
        label="Repository",
        group="waiting for the repository",
        aliases=("repository", "repo"),
        remedy=_EXECUTOR_PAGE,
    ),
    Reason.AGENT_UNAVAILABLE: Words(
        label="Provider",
        group="waiting for an available agent",
        aliases=("provider", "agent"),
        remedy=Remedy("View agents", "agents"),
    ),
    Reason.INTEGRATION_RED: Words(
        label="Integration branch",
        group="waiting for the integration branch to be good",
        aliases=("integration", "red"),
        remedy=Remedy("View landing", "landing"),
    ),
    Reason.FILES_LOCKED: Words(
        label="File lock",
        group="waiting for locked files",
        aliases=("file", "files", "lock", "locks"),
        remedy=Remedy("View locks", "locks"),
    ),
    Reason.CONCURRENCY_LIMIT: Words(
        label="Concurrency",
        group="waiting for a free worker",
        aliases=("slot",),
        remedy=Remedy("View running sessions", "sessions"),
    ),
    Reason.HUMAN_HOLD: Words(
        label="On hold",
        group="on hold",
        aliases=("hold", "held"),
        no_funding=True,
        remedy=Remedy("Resume", "entry"),
    ),
    Reason.BUDGET_EXCEEDED: Words(
        label="Entry budget",
        group="out of budget",
        aliases=("budget",),
        needs_person=True,
        returns_without="budget",
        remedy=Remedy("Raise budget", "entry", "budget"),
    ),
    Reason.PROJECT_BUDGET_EXCEEDED: Words(
        label="Total budget or cap",
        group="without money under the cap or in the plan",
        aliases=("money", "cap"),
        returns_without="budget",
        remedy=Remedy("Review cap", "budget"),
    ),
    Reason.MONEY_RESERVED: Words(
        label="Reserved money",
        group="waiting for reserved money",
        aliases=("reserved",),
        remedy=Remedy("Review budget", "budget"),
    ),
    Reason.DEPENDENCY_FAILED: Words(
        label="Failed dependency",
        group="behind a failed dependency",
        no_funding=True,
        remedy=Remedy("View dependencies", "entry", "deps"),
    ),
    Reason.ROUNDS_EXHAUSTED: Words(
        label="Rounds used up",
        group="out of rounds",
        aliases=("rounds",),
        needs_person=True,
        returns_without="operate",
        remedy=Remedy("Raise rounds", "entry", "brief"),
    ),
    Reason.NO_IMPROVEMENT: Words(
        label="No improvement",
        group="no longer improving",
        aliases=("plateau",),
        needs_person=True,
        remedy=Remedy("View rounds", "entry"),
    ),
    Reason.NO_CHANGE: Words(
        label="No change",
        group="without a change in two rounds",
        aliases=("unchanged",),
        needs_person=True,
        remedy=Remedy("View rounds", "entry"),
    ),
    Reason.MERGE_CONFLICT: Words(
        label="Merge conflict",
        group="in a merge conflict",
        aliases=("conflict", "merge"),
        needs_person=True,
        no_funding=True,
        remedy=Remedy("View conflict", "entry"),
    ),
    Reason.WAITING_FOR_APPROVAL: Words(
        label="Approval",
        group="waiting for approval",
        aliases=("approval", "approve"),
        needs_person=True,
        no_funding=True,
        remedy=Remedy("Review changes", "entry", tab="review"),
    ),
    Reason.WAITING_FOR_MERGE: Words(
        label="Pull request",
        group="open as pull requests",
        aliases=("pr", "pull"),
        needs_person=True,
        no_funding=True,
        remedy=Remedy("View pull request", "entry"),
    ),
    Reason.MERGE_REJECTED: Words(
        label="Rejected",
        group="rejected",
        aliases=("closed",),
        needs_person=True,
        no_funding=True,
        remedy=Remedy("View entry", "entry"),
    ),
    Reason.WAITING_FOR_PROOF: Words(
        label="Waiting for proof",
        group="waiting for what builds on them",
        aliases=("proof",),
        no_funding=True,
        remedy=Remedy("View dependents", "entry", "deps"),
    ),
    Reason.UNPROVEN: Words(
        label="Unproven",
        group="unproven: no failing test passes by them",
        aliases=("unproved",),
        needs_person=True,
        no_funding=True,
        remedy=Remedy("Decide", "entry", tab="review"),
    ),
}

_BY_CODE: dict[str, Words] = {reason.value: words for reason, words in WORDS.items()}
# Only a plan knows what is reserved now, which agents are asked, and what they ask.
PLAN_ONLY = (Reason.MONEY_RESERVED, Reason.SPLIT_ASKED, Reason.WAITING_FOR_ANSWER)
# The choices of the column: each new reason is a migration, but those of PLAN_ONLY. Without words: a new word is no migration.
CHOICES = [(reason.value, reason.value) for reason in WORDS if reason not in PLAN_ONLY]
ALIASES = {alias: reason for reason, words in WORDS.items() for alias in words.aliases}
NEEDS_PERSON = tuple(reason for reason, words in WORDS.items() if words.needs_person)
NO_FUNDING = tuple(reason for reason, words in WORDS.items() if words.no_funding)
WITHOUT_PROOF = (Reason.WAITING_FOR_PROOF, Reason.UNPROVEN)
OUT_OF_LINE = (Reason.WAITING_FOR_APPROVAL, Reason.WAITING_FOR_MERGE, *WITHOUT_PROOF)
"""Of pending entries: they keep their locks, and no cycle starts them until a person has decided, or what builds on them shows what they are
good for."""
DECIDED_ONE_BY_ONE = (*OUT_OF_LINE, Reason.WAITING_FOR_ANSWER, Reason.MERGE_REJECTED)
"""Each of these entries is a decision of its own: pages do not put them into one row."""
RETURNS_SHARE = (
    Reason.NO_IMPROVEMENT,
    Reason.NO_CHANGE,
    Reason.HUMAN_HOLD,
)  # such an entry does not go on by itself: its share goes to others
WITHOUT_MONEY = (Reason.BUDGET_EXCEEDED, Reason.PROJECT_BUDGET_EXCEEDED)

WAITING_FOR_CHILDREN = "It is split: it is done when its children are"

# No column stores them, only the executor's checks know.
NOT_STORED = (
    Reason.EXECUTOR_PAUSED,
    Reason.EXECUTOR_STOPPED,
    Reason.NO_WORKER_ONLINE,
    Reason.NO_HOST_FITS,
    Reason.REPOSITORY_UNAVAILABLE,
    Reason.INTEGRATION_RED,
    Reason.CONCURRENCY_LIMIT,
    *PLAN_ONLY,
)


def words(code: str) -> Words | None:
    """The words of a stored code; None for a code of an older or newer version."""
    return _BY_CODE.get(code)


def executor(state: str) -> Reason:
    """The check's code for a state of the executor."""
    return Reason(f"executor_{state}")


def plain(code: str) -> str:
    """An unknown code, readable."""
    return code.replace("_", " ")


def list_sentence(codes: Iterable[str]) -> str:
    """`out of budget, waiting for a free worker`; empty without codes."""
    return ", ".join(map(group, codes))


def group(code: str) -> str:
    """The words for entries with this reason, also after their number."""
    known = words(code)
    return known.group if known else plain(code)


def label(code: str) -> str:
    """The name of the check that gives this code, of a filter, of a column."""
    if code == Reason.PENDING:
        return "Not on hold"
    if code == Reason.EXECUTOR_RUNNING:
        return "Executor"
    known = words(code)
    return known.label if known else plain(code).capitalize()
