"""Events of the activity log as pages word them. Pure: values in, text out."""

from collections.abc import Mapping
from typing import Any

from budget.events import amount
from dashboard.shared.texts.labels import Link
from workspaces.activity import events


def sentence(verb: str, data: Any, subject: Link | None) -> list[tuple[str, str]]:
    """An event after its actor's name, as pieces of (text, address). An unknown verb is shown as it is; a subject without an address is no link."""
    known = events.lookup(verb)
    if known is None:
        return [(verb.replace("_", " ").replace(".", ": "), "")]
    named = (subject.text, subject.url) if subject else ("an entry", "")
    pieces = known.read(data if isinstance(data, Mapping) else {}).pieces()
    return [named if piece is None else (piece, "") for piece in pieces]


def symbol(verb: str) -> str:
    known = events.lookup(verb)
    return known.symbol if known else "dot"


def plain(data: Mapping[str, Any], name: str) -> str:
    """A value of an event: amounts as money, lists with commas, None as a dash."""
    value = data.get(name)
    return amount(value) if name.endswith("_usd") else events.plain(value)


def change(data: Any) -> tuple[str, str] | None:
    """Before and after, if an event has them."""
    values = data if isinstance(data, Mapping) else {}
    for before, after in (("before", "after"), ("before_usd", "after_usd")):
        if before in values or after in values:
            return plain(values, before), plain(values, after)
    return None
