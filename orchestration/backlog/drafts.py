"""Converts requests into drafts of entries."""

from collections.abc import Collection
from dataclasses import replace

from orchestration import schemas
from orchestration.backlog import entries, fields
from orchestration.models import Entry


def from_request(item: schemas.EntryIn) -> entries.Draft:
    return entries.Draft(
        **fields.read(dict(item)),
        ref=item.ref or "",
        type=item.type,
        spec=item.spec.model_dump(exclude_none=True) if item.spec else {},
        depends_on=tuple(item.depends_on),
        budget=item.budget_usd,
        budget_rounds=item.budget_rounds,
    )


def child_from_request(item: schemas.EntryIn, parent: Entry) -> entries.Draft:
    """The draft of a child: the request's, with its place in line as its parent's where the request does not give it."""
    return as_child(from_request(item), item.model_fields_set, parent)


def as_child(draft: entries.Draft, given: Collection[str], parent: Entry) -> entries.Draft:
    """`given`: the properties that it has itself."""
    inherited = (each for name, each in fields.FIELDS.items() if each.is_inherited and name not in given)
    rounds = draft.budget_rounds if "budget_rounds" in given else parent.budget_rounds
    return replace(
        draft, budget_rounds=rounds, **{each.name: each.read(each.shown(getattr(parent, each.name))) for each in inherited}
    )
