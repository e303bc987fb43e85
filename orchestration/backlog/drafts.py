"""Converts requests into drafts of entries."""

from orchestration import schemas
from orchestration.backlog import entries


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
        budget=item.budget_usd,
        budget_rounds=item.budget_rounds,
    )
