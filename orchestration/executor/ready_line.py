"""The order of the ready line: entries with rounds first, then by priority, then by number. And which hosts keep an entry out of it.

The index of the same name is in `orchestration/models/entries.py`; a test compares the two.
"""

import json

from orchestration.executor import plan
from orchestration.executor.plan import CycleInput, Waiting
from orchestration.models import sql_dialect

_OPENING = {"id": "text", "agent": "text", "labels": "text"}
_NO_AGENT = " "  # no name of an agent: what only verifies needs none

FIELDS = ("-has_rounds", "priority", "seq")
"""Fields of Entry, as in `order_by`; the number is unique within a workspace."""


def place(entry: Waiting) -> tuple[int, ...]:
    """The lower, the nearer to the head."""
    return int(not entry.has_rounds), entry.priority, entry.seq


def order(e: str) -> str:
    """The SQL of the order for entries `e`."""
    return ", ".join(f"{e}.{field[1:]} DESC" if field.startswith("-") else f"{e}.{field}" for field in FIELDS)


def beyond(e: str) -> str:
    """The SQL condition for entries `e` behind a place, whose numbers are its parameters."""
    return f"(CASE WHEN {e}.has_rounds THEN 0 ELSE 1 END, {e}.priority, {e}.seq) > (%s, %s, %s)"


def openings(cycle_input: CycleInput) -> str:
    """The parameter of `has_opening`: the hosts that have a free slot for the workspace, each with the agents that it can run, as `plan.need`
    asks of them."""
    agents, at_work = cycle_input.agents, {run.agent for run in cycle_input.running}
    open_ones = {name: agents.choose(name, at_work) for name in agents.terms}
    if not agents.is_any_open(at_work):  # nothing starts, and the head of the line says why
        open_ones = {name: name for name in agents.terms}
    needed = {name: plan.kinds(agents.of(its), cycle_input) for name, its in open_ones.items() if its is not None}
    return sql_dialect.packed(
        {"id": host.id, "agent": name, "labels": json.dumps(sorted(host.labels))}
        for host in cycle_input.hosts
        if host.takes and host.free > 0 and cycle_input.labels <= host.labels
        for name in (_NO_AGENT, *(name for name, kinds in needed.items() if kinds <= host.agents))
    )


def has_opening(e: str) -> str:
    """The SQL condition for entries `e` that a host could take now, as `placing.choose` decides. Its parameter is `openings`. A subquery that
    is no join: the line is read by its index."""
    has_labels = sql_dialect.contains("h.labels", f"{e}.requires")
    return f"""(SELECT count(*) FROM {sql_dialect.table("h", _OPENING)} WHERE (h.agent = {e}.next_agent OR {e}.next_work = 'verify')
                    AND ({e}.is_shared OR {e}.host_id IN ('', h.id)) AND {has_labels}) > 0"""
