"""Items that may need a person, by kind. Each source is a function of one shape: it reads the workspaces in view with a fixed number of
queries.

A new kind is a function here and a line in SOURCES.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from django.db.models import Count, Exists, F, Min, OuterRef
from django.urls import reverse

from budget import amounts
from budget.models import Decision, Review
from dashboard.home.scope import Scope
from dashboard.shared.texts import remedies
from orchestration.configuration import agent_states
from orchestration.dialogue import reads as dialogue
from orchestration.facts import reasons
from orchestration.facts.reasons import Reason
from orchestration.landing import branch
from orchestration.models import Entry, Proposal
from workspaces.access import Need
from workspaces.models import Workspace

MAX_ENTRIES = 100


class Urgency(IntEnum):
    """The most urgent first: nothing moves; somebody waits; one entry cannot go on; it can wait."""

    STANDSTILL = 1
    MONEY = 2
    WAITS = 3
    CONFLICT = 4
    FAILED = 5
    STUCK = 6
    LATER = 7


@dataclass(frozen=True)
class Item:
    """`key`: the same as long as its cause is the same. `subject` and `link`: what it is about. `button` and `remedy`: the one thing to do.
    `code`: the reason of an entry, by which several are shown as one."""

    key: str
    workspace: Workspace
    urgency: Urgency
    subject: str
    link: str
    sentence: str
    at: datetime | None
    button: str
    remedy: str
    code: str = ""

    @property
    def symbol(self) -> tuple[str, str]:
        """Tone and icon."""
        if self.urgency <= Urgency.MONEY or self.urgency == Urgency.FAILED:
            return "bad", "failed"
        return ("block", "blocked") if self.urgency in (Urgency.CONFLICT, Urgency.STUCK) else ("warn", "warn")


Source = Callable[[Scope], Iterable[Item]]


def _page(name: str, workspace: Workspace) -> str:
    return reverse(name, args=[workspace.pk])


def standstill(scope: Scope) -> Iterable[Item]:
    """A repository, an integration branch or an agent that lets nothing start. One query, two where a provider is unavailable."""
    agents = agent_states.standstills([workspace.executor for workspace in scope.workspaces])
    for workspace in scope.workspaces:
        executor, integration = workspace.executor, getattr(workspace, "integration", None)
        breaker = agents.get(workspace.pk)
        causes = [
            ("repository", executor.repository_code, executor.repository_message, executor.repository_since, "executor-page"),
            *([("agent", breaker.code, breaker.message, breaker.since, "agent")] if breaker else []),
        ]
        check = getattr(workspace, "agent_check", None)
        at_work: int = workspace.at_work  # type: ignore[attr-defined]
        if check is not None and check.ok is False and not breaker and not at_work:
            causes.append(("agent", "not_there", check.message, check.at, "agent"))
        if integration is not None and integration.state in branch.STOPS_DISPATCH:
            causes.insert(0, ("integration", integration.state, integration.message, None, "landing"))
        buttons = {"landing": "View landing", "agent": "View agents", "executor-page": "View executor"}
        for kind, code, message, since, page in causes:
            if code:
                link = _page(page, workspace)
                key = f"{kind}:{workspace.pk}:{code}:{_stamp(since)}"
                words = f"Nothing can start. {message}"
                yield Item(key, workspace, Urgency.STANDSTILL, "", "", words, since, buttons[page], link)


def money(scope: Scope) -> Iterable[Item]:
    """A cap that is reached, and entries that the plan has no money for. No query."""
    for workspace in scope.workspaces:
        project, unfunded = workspace.project, workspace.unfunded  # type: ignore[attr-defined]
        cap = amounts.format_usd(project.max_project_spend)
        budget = f"{_page('budget', workspace)}#caps-h"
        if project.is_used_up:
            words = f"The hard cap of {cap} is reached: no session starts"
            key = f"cap:{workspace.pk}:{project.max_project_spend}"
            yield Item(key, workspace, Urgency.MONEY, "", "", words, None, "Review cap", budget)
        elif unfunded:
            words = "1 entry has no money" if unfunded == 1 else f"{unfunded} entries have no money"
            listed = f"{_page('entries', workspace)}?reason={Reason.PROJECT_BUDGET_EXCEEDED}"
            key = f"unfunded:{workspace.pk}:{project.max_project_spend}:{project.total_budget}"
            why = "nothing is left under the cap or in the total budget"
            yield Item(key, workspace, Urgency.MONEY, words, listed, why, None, "View budget", budget)


def stuck(scope: Scope) -> Iterable[Item]:
    """Entries that failed, or that only a person can move. One query."""
    alive = Entry.objects.filter(workspace_id__in=scope.by_id, deleted_at__isnull=True)
    blocked = alive.filter(status=Entry.Status.BLOCKED, reason_code__in=reasons.NEEDS_PERSON)
    entries = (alive.filter(status=Entry.Status.FAILED) | blocked).order_by(F("reason_at").desc(nulls_last=True), "id")
    for entry in entries[:MAX_ENTRIES]:
        urgency = Urgency.FAILED if entry.status == Entry.Status.FAILED else Urgency.STUCK
        yield of_entry(scope, entry, Urgency.CONFLICT if entry.reason_code == Reason.MERGE_CONFLICT else urgency)


def of_entry(scope: Scope, entry: Entry, urgency: Urgency) -> Item:
    """An entry with its stored reason and the remedy for it."""
    here = reverse("entry", args=[entry.workspace_id, entry.pk])
    words = reasons.words(entry.reason_code)
    button, remedy = remedies.link(entry, words.remedy) if words else ("View entry", here)
    key = f"entry:{entry.pk}:{entry.reason_code}:{_stamp(entry.reason_at)}"
    why = entry.reason_message or ("It failed" if entry.status == Entry.Status.FAILED else "It is blocked")
    workspace = scope.by_id[entry.workspace_id]
    return Item(
        key, workspace, urgency, f"#{entry.seq} {entry.title}", here, why, entry.reason_at, button, remedy, entry.reason_code
    )


def remotes(scope: Scope) -> Iterable[Item]:
    """A base that cannot be followed, a branch that cannot be pushed, work that is on a host alone. No query."""
    for workspace in scope.workspaces:
        base = getattr(getattr(workspace, "integration", None), "base_problem", "")
        push = workspace.executor.push_error and "The integration branch could not be pushed; the next landing pushes again"
        away = workspace.landing_away or ""  # type: ignore[attr-defined]
        for kind, words in (("base", base), ("push", push), ("away", away)):
            if words:
                link = _page("landing", workspace)
                key = f"{kind}:{workspace.pk}"
                yield Item(key, workspace, Urgency.LATER, "", "", words.split("\n")[0][:300], None, "View landing", link)


def proposals(scope: Scope) -> Iterable[Item]:
    """Proposals of agents that nobody has decided on, where the person may. One query."""
    mine = Proposal.objects.filter(state=Proposal.State.OPEN, run__session__ended_at__isnull=False)
    mine = mine.filter(run__session__workspace_id__in=scope.where_one_may(Need.OPERATE)).order_by()
    for workspace_id, n, newest in mine.values_list("run__session__workspace_id").annotate(n=Count("id"), newest=Min("id")):
        workspace = scope.by_id[workspace_id]
        words = "A proposal of an agent waits for a decision" if n == 1 else f"{n} proposals of agents wait for a decision"
        link = f"{_page('goal', workspace)}#runs-h"
        yield Item(f"proposals:{workspace.pk}:{newest}", workspace, Urgency.WAITS, "", "", words, None, "View", link)


def approvals(scope: Scope) -> Iterable[Item]:
    """Verified work that waits for a person's approval, where this one may operate. One query."""
    waiting = Entry.objects.filter(workspace_id__in=scope.where_one_may(Need.OPERATE), deleted_at__isnull=True)
    for entry in waiting.filter(status=Entry.Status.PENDING, reason_code__in=reasons.NEEDS_PERSON).order_by("reason_at", "id")[
        :MAX_ENTRIES
    ]:
        yield of_entry(scope, entry, Urgency.WAITS)


def questions(scope: Scope) -> Iterable[Item]:
    """The questions of agents that the person may answer. One query."""
    for asked in dialogue.unanswered(scope.where_one_may(Need.OPERATE), limit=MAX_ENTRIES):
        here = reverse("entry", args=[asked.workspace_id, asked.entry_id])
        subject, key = f"#{asked.seq} {asked.title}", f"question:{asked.question_id}"
        answer = f"{here}?tab=talk"
        words = f"Asks: {asked.text[:300]}"
        yield Item(key, scope.by_id[asked.workspace_id], Urgency.WAITS, subject, here, words, asked.since, "Answer", answer)


def reviews(scope: Scope) -> Iterable[Item]:
    """Budget reviews that wait for this person's decision. One query."""
    decided = Decision.objects.filter(review=OuterRef("pk"), version=OuterRef("version"), reviewer=scope.caller.name)
    waiting = Review.objects.filter(project_id__in=scope.where_one_may(Need.BUDGET), state=Review.State.OPEN)
    for review in waiting.exclude(author=scope.caller.name).exclude(Exists(decided)).order_by("requested_at", "pk")[:MAX_ENTRIES]:
        workspace = scope.by_id[review.project_id]
        link = reverse("review", args=[workspace.pk, review.pk])
        key = f"review:{review.pk}:{review.version}"
        words = "A budget review waits for your decision"
        yield Item(key, workspace, Urgency.WAITS, "", "", words, None, "Read", link)


def _stamp(at: datetime | None) -> str:
    return f"{at.timestamp():.0f}" if at else ""


SOURCES: tuple[Source, ...] = (standstill, money, stuck, questions, approvals, remotes, proposals, reviews)
