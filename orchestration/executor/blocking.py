"""Entries without money or rounds are blocked at once, in any state of the executor, by the plan's own checks.

The reverse of `funding.unblock_affordable`: it looks only at entries that this would not unblock, so that none goes back and forth.
"""

from collections.abc import Sequence

from django.db import transaction

from orchestration import funding
from orchestration.executor import dispatch, snapshot
from orchestration.executor import plan as planning
from orchestration.executor.plan import Block, Capacity
from orchestration.messaging import wake_ups

CHUNK = 500


def block_short(workspace_id: str, entry_ids: Sequence[str] | None = None) -> int:
    """Block those of these entries, None for all, that the next cycle would block. Returns how many."""
    if not funding.pending_without_money_or_rounds(workspace_id, entry_ids):  # as usual: no lock for that
        return 0
    with transaction.atomic():
        input_ = snapshot.cycle_input(workspace_id, lock=True)
        ids = funding.pending_without_money_or_rounds(workspace_id, entry_ids)
        blocks = [block for at in range(0, len(ids), CHUNK) for block in _blocks(workspace_id, input_, ids[at : at + CHUNK])]
        if blocks:
            dispatch.carry_out(workspace_id, input_, blocks)
    if blocks:
        wake_ups.publish_change(workspace_id, "entries", "budget")
    return len(blocks)


def _blocks(workspace_id: str, input_: planning.CycleInput, entry_ids: list[str]) -> list[Block]:
    line = snapshot.unfinished(workspace_id, input_, entry_ids=entry_ids, limit=len(entry_ids))
    capacity = Capacity(input_)
    return [Block(entry, why) for entry in line if (why := planning.reason(entry, capacity)) is not None and why.blocks]
