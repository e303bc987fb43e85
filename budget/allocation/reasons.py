"""The sentence of each change of the allocation, for people who manage budgets. Pure. Amounts in micro-USD."""

from budget.allocation.estimates import Outlook
from budget.amounts import format_usd


def explain(ahead: Outlook, *, rounds_left: int, has_rounds: bool, want: int, given: int) -> str:
    """The reason why an open entry that needs `want` more has `given` left now."""
    if rounds_left <= 0:
        return "all of its rounds are used up"
    if ahead.stuck:
        return "its last rounds did not improve it, so it gets no more"
    if given < want:
        share = f"{format_usd(given)} is all that is left for it" if given else "nothing is left for it"
        return f"{share} after the entries that come before it by priority or by improvement per dollar"
    plenty = "; every need is met, so more is set aside for it" if given > max(want, ahead.need) else ""
    if not has_rounds:
        return f"it has no rounds yet, so it first gets enough for one{plenty}"
    room = ", and its next round may cost more than is usual" if want > ahead.need and not plenty else ""
    rounds = "round" if ahead.rounds == 1 else "two rounds"
    progress = (
        f"improved {ahead.gained:.2f} for {format_usd(ahead.paid)} in its last {rounds}" if ahead.rounds else "not verified yet"
    )
    return f"{progress}, needs about {format_usd(ahead.need)} more{room}{plenty}"
