"""Entries that a person resumed, and that the next cycle blocks again: pages say so, since *back in line* alone would not be true."""

from collections.abc import Sequence

from orchestration.executor import explain


def blocked_again(workspace_id: str, entry_ids: Sequence[str]) -> list[str]:
    """The message of each that cannot stay in line, from the executor's own checks."""
    explained = explain.reasons(workspace_id, list(entry_ids)).values()
    return [explanation.why.message for explanation in explained if explanation.why is not None and explanation.why.blocks]


def sentence(workspace_id: str, entry_ids: Sequence[str]) -> str:
    """A clause for the result line; empty where all stay in line."""
    messages = blocked_again(workspace_id, entry_ids)
    if not messages:
        return ""
    if len(entry_ids) == 1:
        return f", but will be blocked again: {messages[0]}"
    return f"; {len(messages)} of them will be blocked again: {messages[0]}"
