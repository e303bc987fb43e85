"""One run: its state, its proposals as a difference of the backlog, its log, and what a person decides."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_POST

from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, Region, render_page
from dashboard.shared.responses import done
from orchestration import queries, sessions
from orchestration.models import Entry, Proposal, Run
from orchestration.proposals import applying, on_base, reads, requests
from orchestration.sessions.logs import windows as log_windows
from workspaces.access import Need
from workspaces.errors import Invalid

LOG_LINES = 200
# Of a proposal: its word and its tone.
STATES = {"open": ("+ New", "good"), "applied": ("Added", "good"), "rejected": ("Rejected", ""), "outdated": ("Outdated", "warn")}
LISTS = (("acceptance_criteria", "Acceptance criteria"), ("tests", "Tests to make pass"))


@dataclass(frozen=True)
class Row:
    """A proposal as the page shows it. `on_base`: the words and the tone of what its tests said before the work. `needs`: the names of what it waits for. `parts`: headings with their lines."""

    proposal: Proposal
    word: str
    tone: str
    body: str
    needs: list[str]
    parts: list[tuple[str, list[str]]]
    files: list[tuple[str, bool]]
    on_base: tuple[str, str] | None
    failing: list[tuple[str, str]]
    test_files: list[tuple[str, str]]


@in_workspace()
def page(page_request: PageRequest, run_id: str) -> HttpResponse:
    run = requests.run_for(page_request.workspace.pk, run_id)
    page_request.memo["run"] = run
    regions = HEADER | {"run": Region("proposals/run.html#run", _run)}
    return render_page(page_request, "proposals/run.html", regions, section="entries", run=run)


@require_POST
@in_workspace(Need.OPERATE)
def decide(page_request: PageRequest, run_id: str, verb: str) -> HttpResponse:
    """Apply or reject the ticked proposals."""
    run = requests.run_for(page_request.workspace.pk, run_id)
    ticked = page_request.request.POST.getlist("proposal")
    if not ticked:
        raise Invalid("Tick the proposals to decide on", "proposal")
    chosen = [requests.proposal_for(run, proposal_id).pk for proposal_id in ticked]
    if verb == "reject":
        rejected = applying.reject(run, by=page_request.caller, only=chosen)
        return done(page_request, f"{_proposals(len(rejected))} {_is(len(rejected))} rejected", tone="warn")
    outcome = applying.apply(run, by=page_request.caller, only=chosen)
    sentence = f"{_entries(len(outcome.applied))} {_is(len(outcome.applied))} added"
    if outcome.outdated:
        named = ", ".join(str(proposal.number) for proposal in outcome.outdated)
        sentence += f"; outdated: {named}"
    if outcome.waiting:
        sentence += f"; {_proposals(len(outcome.waiting))} {_is(len(outcome.waiting))} still open: what they wait for is outdated"
    return done(page_request, sentence, tone="warn" if outcome.outdated else "good")


@require_POST
@in_workspace(Need.OPERATE)
def undo(page_request: PageRequest, run_id: str) -> HttpResponse:
    count = len(applying.undo(requests.run_for(page_request.workspace.pk, run_id), by=page_request.caller))
    return done(page_request, f"{_entries(count)} {_is(count)} off the backlog again; the proposals are open", tone="warn")


@require_POST
@in_workspace(Need.OPERATE)
def stop(page_request: PageRequest, run_id: str) -> HttpResponse:
    run = requests.run_for(page_request.workspace.pk, run_id)
    sessions.stop_run(page_request.workspace.pk, run.pk, by=page_request.caller)
    return done(page_request, "The run is stopping. What it spent stays booked", tone="warn")


def _run(page_request: PageRequest) -> dict[str, Any]:
    run: Run = page_request.memo["run"]
    proposals = list(run.proposals.select_related("entry").order_by("number"))
    is_over = run.session.ended_at is not None
    seqs = _seqs(page_request, proposals)
    applied = [proposal for proposal in proposals if proposal.state == Proposal.State.APPLIED]
    return {
        "run": run,
        "session": run.session,
        "is_over": is_over,
        "status": queries.shown_status(run.session),
        "cost": reads.costs([run.pk]).get(run.pk, 0),
        "rows": [_row(proposal, seqs) for proposal in proposals],
        "open_count": sum(proposal.state == Proposal.State.OPEN for proposal in proposals),
        "may_undo": bool(applied) and not any(proposal.entry and proposal.entry.attempts for proposal in applied),
        "log": [line.text for line in log_windows.before(run.session, limit=LOG_LINES).lines],
    }


def _row(proposal: Proposal, seqs: dict[str, str]) -> Row:
    after = proposal.after
    spec = after.get("spec") or {}
    requirements = spec.get("requirements") or []
    parts = [("Requirements", requirements if isinstance(requirements, list) else [requirements])] if requirements else []
    parts += [(label, list(spec[key])) for key, label in LISTS if spec.get(key)]
    return Row(
        proposal,
        *STATES[proposal.state],
        "\n".join(after["content"].strip().split("\n")[1:]).strip(),
        [seqs.get(name, name) for name in after.get("depends_on") or ()],
        parts,
        [(path, True) for path in spec.get("files_to_create") or ()]
        + [(path, False) for path in spec.get("files_to_modify") or ()],
        _on_base(proposal),
        list(proposal.tests_on_base.get("failing", {}).items()),
        list((spec.get("test_files") or {}).items()),
    )


def _on_base(proposal: Proposal) -> tuple[str, str] | None:
    """None also where its note says what is wrong with its tests."""
    state = proposal.tests_on_base.get("state", "")
    if state not in on_base.WORDS or (proposal.note and state != "red"):
        return None
    return on_base.WORDS[state], "good" if state == "red" else "warn"


def _seqs(page_request: PageRequest, proposals: list[Proposal]) -> dict[str, str]:
    """Ids of entries that proposals wait for, as numbers."""
    names = {name for proposal in proposals for name in proposal.after.get("depends_on") or ()}
    rows = Entry.objects.filter(workspace=page_request.workspace, pk__in=names).values_list("pk", "seq")
    return {pk: f"#{seq}" for pk, seq in rows}


def _proposals(number: int) -> str:
    return f"{number} {'proposal' if number == 1 else 'proposals'}"


def _entries(number: int) -> str:
    return f"{number} {'entry' if number == 1 else 'entries'}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
