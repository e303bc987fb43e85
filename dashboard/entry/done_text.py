"""A sentence about how an entry became done."""

from orchestration.models import Entry

DoneBy = Entry.DoneBy


def pieces(entry: Entry) -> list[tuple[str, str]]:
    """Empty for one that is not done, and where nothing is known of how it became done."""
    match entry.done_way:
        case DoneBy.LANDED:
            text = f"Round {entry.done_round} landed: it is in {entry.done_commit[:12]}"
        case DoneBy.MERGED:
            text = "Its pull request was merged"
        case DoneBy.CLOSED:
            text = f"{entry.done_by} closed it without its work" + (f": {entry.done_reason}" if entry.done_reason else "")
        case DoneBy.CHILDREN:
            text = "All of its children are done"
        case DoneBy.NOTHING_TO_DO:
            text = f"Round {entry.done_round} found nothing to do"
        case _:
            return []
    return [(text, "")]
