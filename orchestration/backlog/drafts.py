"""Converts requests into drafts of entries."""

from collections.abc import Collection
from dataclasses import replace

from orchestration import schemas
from orchestration.backlog import entries
from orchestration.configuration import entry_routes
from orchestration.models import Entry


def from_request(item: schemas.EntryIn) -> entries.Draft:
    return entries.Draft(
        content=item.content,
        ref=item.ref or "",
        type=item.type,
        spec=item.spec.model_dump(exclude_none=True) if item.spec else {},
        priority=entries.PRIORITIES[item.priority],
        depends_on=tuple(item.depends_on),
        parallelizable=item.parallelizable,
        parallel_group=item.parallel_group or "",
        group=item.group or "",
        requires=tuple(item.requires),
        agent=item.agent or "",
        route=tuple(item.route or ()),
        budget=item.budget_usd,
        budget_rounds=item.budget_rounds,
    )


def child_from_request(item: schemas.EntryIn, parent: Entry) -> entries.Draft:
    """The draft of a child: the request's, with its place in line as its parent's where the request does not give it."""
    return as_child(from_request(item), item.model_fields_set, parent)


def as_child(draft: entries.Draft, given: Collection[str], parent: Entry) -> entries.Draft:
    """`given`: the properties that it has itself."""
    return replace(
        draft,
        priority=draft.priority if "priority" in given else Entry.Priority(parent.priority),
        budget_rounds=draft.budget_rounds if "budget_rounds" in given else parent.budget_rounds,
        parallel_group=draft.parallel_group if "parallel_group" in given else parent.parallel_group,
        requires=draft.requires if "requires" in given else tuple(parent.requires),
        agent=draft.agent if "agent" in given else parent.agent,
        route=draft.route if "route" in given else tuple(entry_routes.own(parent)),
    )
