"""The children of an entry that is split, with their progress and their money."""

from typing import Any

from budget.charts.bullet import Use
from dashboard.entry.tabs import stop_children
from dashboard.proposals import choose_agent
from dashboard.shared.page_request import PageRequest
from orchestration import configuration
from orchestration.backlog.tree import reads
from orchestration.configuration.config import agent_kinds
from orchestration.models import Entry, Session
from orchestration.models.entries import MAX_DEPTH


def region(page_request: PageRequest, entry: Entry) -> dict[str, Any]:
    """Five queries, and another for each child that is split."""
    children = reads.children([entry.pk])[entry.pk]
    for child in children:
        if child.is_container:
            reads.whole(child.account)
    at_work = stop_children.open_below(entry).count() if children else 0
    done = sum(child.status == Entry.Status.DONE for child in children)
    started = any(child.attempts or child.is_container or child.status == Entry.Status.DONE for child in children)
    config = configuration.load(page_request.executor.config)
    expander = config.expander
    return {
        "entry": entry,
        "account": entry.account,
        "rows": [
            (child, child.account, Use(child.account.spent, child.account.held, child.account.budget)) for child in children
        ],
        "progress": reads.progress([child.pk for child in children if child.is_container]),
        "done": done,
        "stops": stop_children.count_words(at_work) if at_work else "",
        "consequence": stop_children.CONSEQUENCE,
        "may_undo": bool(children) and not started,
        "may_split": may_split(entry),
        "own_agent": choose_agent.offered(config),
        "expander": expander and agent_kinds.named(expander.acting_agent.kind),
        "expander_limit": expander and configuration.micro(expander.run_usd),
        "runs": list(
            entry.runs.filter(session__role=Session.Role.EXPAND).select_related("session").order_by("-session__claimed_at")[:5]
        ),
    }


def may_split(entry: Entry) -> bool:
    return (
        not entry.is_container and entry.depth < MAX_DEPTH and entry.status not in (Entry.Status.IN_PROGRESS, Entry.Status.DONE)
    )
