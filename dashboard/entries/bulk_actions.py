"""The actions of the list's selection bar, each with its words, its needs, and the verb below that does it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from budget.limits import allocated, bulk_edit
from budget.limits.bulk_edit import Order, Wish
from dashboard.shared import resumed
from dashboard.shared.page_request import PageRequest
from orchestration.backlog import content, deletion, entries, entry_actions
from orchestration.models import Entry
from workspaces.access import Need

Entries = Sequence[Entry]
FormData = dict[str, Any]


def entries_(n: int) -> str:
    return f"{n} {'entry' if n == 1 else 'entries'}"


def _never(page_request: PageRequest, chosen: Entries, form_data: FormData) -> str:
    return ""


@dataclass(frozen=True)
class Action:
    """`does`: on the button; `done`: the end of the sentence afterwards; `asks`: also before few entries. `field`: what the form must fill,
    with the sentence when it is empty. `over`: what it would exceed, as a sentence, which asks first. `but`: what does not last, as a clause."""

    does: str
    done: str
    consequence: str
    carry_out: Callable[[PageRequest, Entries, FormData], Any]
    needs: tuple[Need, ...] = (Need.OPERATE,)
    asks: bool = False
    field: str = ""
    missing: str = ""
    over: Callable[[PageRequest, Entries, FormData], str] = _never
    but: Callable[[PageRequest, Entries], str] = lambda page_request, chosen: ""

    def did(self, form_data: FormData, n: int) -> str:
        return self.done.format(it="it" if n == 1 else "them", priority=form_data["priority"], agent=form_data["agent"])


def _budget_order(chosen: Entries, form_data: FormData) -> Order:
    return Order("set", [Wish(entry.pk, entry.account.budget) for entry in chosen], amount=form_data["budget"] or 0)


def _over_plan(page_request: PageRequest, chosen: Entries, form_data: FormData) -> str:
    return allocated.excess(page_request.project, bulk_edit.preview(page_request.project, _budget_order(chosen, form_data)))


def _set_budget(page_request: PageRequest, chosen: Entries, form_data: FormData) -> None:
    bulk_edit.carry_out(
        page_request.project, _budget_order(chosen, form_data), by=page_request.caller, reason=form_data["reason"]
    )


def _set_priority(page_request: PageRequest, chosen: Entries, form_data: FormData) -> None:
    priority = entries.PRIORITIES[form_data["priority"]]
    entry_actions.set_priorities(chosen, priority, by=page_request.caller, reason=form_data["reason"])


def _set_agent(page_request: PageRequest, chosen: Entries, form_data: FormData) -> None:
    content.set_agents(chosen, form_data["agent"], by=page_request.caller, reason=form_data["reason"])


def _simple(verb: Callable[..., Any]) -> Callable[[PageRequest, Entries, FormData], Any]:
    return lambda page_request, chosen, form_data: verb(chosen, by=page_request.caller, reason=form_data["reason"])


ACTIONS = {
    "hold": Action(
        "Put on hold",
        "on hold until someone resumes {it}",
        "Each keeps its branch, releases its locks and waits until someone resumes it.",
        _simple(entry_actions.put_all_on_hold),
    ),
    "release": Action(
        "Resume",
        "back in line",
        "Each goes back in line, and may start in the next cycle. Failed entries get new rounds.",
        _simple(entry_actions.resume_all),
        but=lambda page_request, chosen: resumed.sentence([entry.pk for entry in chosen]),
    ),
    "priority": Action(
        "Change the priority of",
        "of {priority} priority now",
        "Their places in line change; running sessions continue.",
        _set_priority,
        field="priority",
        missing="Choose the priority to set",
    ),
    "agent": Action(
        "Change the agent of",
        "for the agent {agent} now",
        "Their next sessions run this agent, in a new conversation where it is another program.",
        _set_agent,
        field="agent",
        missing="Choose the agent to set",
    ),
    "verify": Action(
        "Verify again",
        "verified again, without a new implementation",
        "The checks run again on the work of each; its rounds count from zero.",
        _simple(entry_actions.reverify_all),
    ),
    "done": Action(
        "Mark done",
        "marked done; nothing was merged",
        "Nothing is merged. Entries that wait for them can start, without their work.",
        _simple(entry_actions.mark_all_done),
        asks=True,
    ),
    "budget": Action(
        "Set the budget of",
        "given this budget, which is locked now",
        "Each gets this budget, locked against reallocation.",
        _set_budget,
        needs=(Need.OPERATE, Need.BUDGET),
        field="budget",
        missing="Write the budget to set, in USD",
        over=_over_plan,
    ),
    "delete": Action(
        "Delete",
        "deleted",
        "They leave the backlog. Their sessions, branches and what they spent stay on record.",
        _simple(deletion.delete_all),
        asks=True,
    ),
}
