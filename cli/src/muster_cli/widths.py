"""The widths of the columns of a table on a terminal that is too narrow for them: a text keeps 20 characters, other columns give way first."""

from collections.abc import Sequence

GAP = 2
TEXT = 20
"""The least that is left of a text, unless all of it is shorter."""
GIVE_WAY = ("PRIORITY", "BY", "SESSION", "BUDGET", "SPENT", "COST", "SINCE", "SENT", "REQUESTED", "WHY")
"""The titles of columns that are left out, in this order, where the others have no room."""


def fitting(titles: Sequence[str], cells: Sequence[Sequence[str]], width: int, *, keeps: Sequence[str] = ()) -> dict[int, int]:
    """The columns that are shown, by their place, with their widths. `keeps`: titles of columns that are never left out. The last column is
    the text that a person reads the table for."""
    places = range(len(titles))
    widths = {place: max(len(line[place]) for line in [titles, *cells]) for place in places}
    texts = [place for place in places if any(" " in line[place] for line in cells) and place != len(titles) - 1]
    for place in [*texts, len(titles) - 1]:
        _narrow(widths, place, width)
    for title in GIVE_WAY:
        if _missing(widths, width) and title in titles[:-1] and title not in keeps:
            del widths[titles.index(title)]
            widths[len(titles) - 1] = max(len(line[-1]) for line in [titles, *cells])
            _narrow(widths, len(titles) - 1, width)
    return widths


def cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def _narrow(widths: dict[int, int], place: int, width: int) -> None:
    widths[place] = max(widths[place] - _missing(widths, width), min(widths[place], TEXT))


def _missing(widths: dict[int, int], width: int) -> int:
    return max(sum(widths.values()) + GAP * (len(widths) - 1) - width, 0)
