"""The state that undoing proposals restores, in words for the activity log."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestration.models import Entry, Proposal

Kind = Proposal.Kind
MAX_NAMED = 10
SHOWN = {"priority": "priority", "rounds": "rounds"}
KEPT = {"content": "its text", "spec": "its spec"}


def sentence(proposals: Sequence[Proposal]) -> str:
    """`#1 priority medium, rounds 5; #6 on the backlog`, of the first proposals. Call it before they are undone. One query."""
    ids = {pk for proposal in proposals for pk in (proposal.before or {}).get("depends_on") or ()}
    seqs = {pk: f"#{seq}" for pk, seq in Entry.objects.filter(pk__in=ids).values_list("pk", "seq")}
    more = len(proposals) - MAX_NAMED
    named = [_words(proposal, seqs) for proposal in proposals[:MAX_NAMED]]
    return "; ".join([*named, *([f"and {more} more"] if more > 0 else [])])


def _words(proposal: Proposal, seqs: Mapping[str, str]) -> str:
    before: dict[str, Any] = proposal.before or {}
    name = f"#{before['seq'] if before else proposal.entry.seq if proposal.entry else proposal.number}"
    match Kind(proposal.kind):
        case Kind.ADD:
            return f"{name} off the backlog"
        case Kind.CHANGE:
            return f"{name} {', '.join(_values(before, proposal.after, seqs))}"
        case Kind.SPLIT:
            return f"{name} in one piece"
        case Kind.MERGE:
            return f"{name} and #{before['other']['seq']} apart"
        case Kind.DROP:
            return f"{name} on the backlog"
        case Kind.HOLD:
            return f"{name} {before['status']}"


def _values(before: Mapping[str, Any], after: Mapping[str, Any], seqs: Mapping[str, str]) -> Iterator[str]:
    yield from (f"{word} {before[key]}" for key, word in SHOWN.items() if key in after)
    if "depends_on" in after:
        yield f"waiting for {', '.join(seqs.get(pk, pk) for pk in before['depends_on']) or 'nothing'}"
    yield from (word for key, word in KEPT.items() if key in after)
