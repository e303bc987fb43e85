"""The steps of the demo, as far as they are done. They end on the page of landings, with the tests of the project green."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.urls import reverse

from dashboard.shared.page_request import PageRequest
from orchestration.demo import starting
from orchestration.demo.steering import POOR
from orchestration.facts.reasons import Reason
from orchestration.landing import reads
from orchestration.models import Entry, Proposal, Run


@dataclass(frozen=True)
class Step:
    """`button` and `link`: where to see it, or what a person does."""

    is_done: bool
    sentence: str
    button: str = ""
    link: str = ""
    needs_you: bool = False


def region(page_request: PageRequest) -> dict[str, Any]:
    """Nothing, without a query, in a workspace that is no demo."""
    if not starting.is_demo(page_request.workspace):
        return {"story": []}
    steps = _steps(page_request)
    return {"story": steps, "story_is_over": all(step.is_done for step in steps)}


def _steps(page_request: PageRequest) -> list[Step]:
    at = [page_request.workspace.pk]
    alive = Entry.objects.filter(workspace=page_request.workspace, deleted_at__isnull=True)  # as the overview counts them
    counts = alive.aggregate(total=Count("pk"), done=Count("pk", filter=Q(status=Entry.Status.DONE)))
    landed_all = counts["done"] == counts["total"]
    return [
        Step(
            _is_planned(page_request), "An agent turns a goal into entries", "Its proposals", f"{reverse('goal', args=at)}#runs-h"
        ),
        Step(
            landed_all,
            f"Agents work on the entries, several at a time: {counts['done']} of {counts['total']} are done",
            "Sessions",
            reverse("workers", args=at),
        ),
        _proposal(page_request),  # before the money, which lets the entry start that it is about
        _money(page_request),
        _tests(page_request, landed_all=landed_all),
    ]


def _is_planned(page_request: PageRequest) -> bool:
    runs = Run.objects.filter(session__workspace=page_request.workspace, session__role="plan")
    return runs.filter(session__outcome="passed").exists()


def _money(page_request: PageRequest) -> Step:
    """One entry nearly uses up its budget in its first round: it waits for a person."""
    mine = Entry.objects.filter(workspace=page_request.workspace, deleted_at__isnull=True)
    entry = mine.filter(content__startswith=POOR).order_by("seq").first()
    if entry is None or entry.status == Entry.Status.DONE:
        return Step(True, "An entry ran out of its budget, and got more from you")
    if entry.reason_code != Reason.BUDGET_EXCEEDED:
        return Step(False, "An entry runs out of its budget, and gets more from you")
    link = f"{reverse('entry', args=[entry.workspace_id, entry.pk])}?tab=budget"
    return Step(
        False, f"#{entry.seq} {entry.title} is out of money: give it 10 cents more", "Raise its budget", link, needs_you=True
    )


def _proposal(page_request: PageRequest) -> Step:
    mine = Proposal.objects.filter(run__session__workspace=page_request.workspace, run__session__role="orchestrate")
    proposal = mine.order_by("pk").first()
    if proposal is None:
        return Step(False, "An agent proposes what to change in the backlog, and you decide")
    if proposal.state != Proposal.State.OPEN:
        return Step(True, "An agent proposed a change of the backlog, and it is decided")
    link = reverse("run", args=[page_request.workspace.pk, proposal.run_id])
    return Step(False, "An agent proposes a change of the backlog: apply or reject it", "Decide", link, needs_you=True)


def _tests(page_request: PageRequest, *, landed_all: bool) -> Step:
    link = reverse("landing", args=[page_request.workspace.pk])
    integration = reads.integration(page_request.workspace.pk)
    verdict = reads.verdict_of(page_request.workspace, integration.tip)
    summary = reads.summary(verdict) if verdict is not None else None
    if summary is None or not summary.total:
        return Step(False, "What lands is tested as a whole", "Landing", link)
    if landed_all and summary.green:
        return Step(True, f"All have landed, and all {summary.total} tests of the project pass", "Landing", link)
    return Step(False, f"{summary.passing} of the project's {summary.total} tests pass on what has landed", "Landing", link)
