"""Filters in the URLs of lists. Invalid values are ignored and named, not refused: people type URLs."""

from collections.abc import Collection, Iterable
from typing import Any

from django import forms
from django.http import QueryDict

from dashboard.shared.page_request import OF_PARTS, PageRequest

_OURS = {*OF_PARTS, "after", "before", "format", "next", "edit", "release"}


def read(
    form: type[forms.Form], page_request: PageRequest, rename: dict[str, str] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """The valid values (empty strings for the others) and the names of ignored parameters. `rename`: URL parameter to form field."""
    values = {(rename or {}).get(name, name): page_request.request.GET[name] for name in page_request.request.GET}
    bound = form({name: value.replace("\x00", "") for name, value in values.items()})
    bound.is_valid()
    chosen = {name: bound.cleaned_data.get(name) or "" for name in bound.fields}
    odd = [name for name in values if values[name] and name not in _OURS and (name not in bound.fields or name in bound.errors)]
    back = {ours: theirs for theirs, ours in (rename or {}).items()}
    return chosen, [back.get(name, name)[:40] for name in odd]


def sort_field(names: Iterable[str]) -> forms.ChoiceField:
    """An order by its name, ascending, or descending with `-`."""
    return forms.ChoiceField(choices=[("", ""), *((f"{sign}{name}", "") for name in names for sign in ("", "-"))], required=False)


def head(
    page_request: PageRequest, name: str, order: tuple[str, bool], upward: Collection[str], default: str = ""
) -> dict[str, str]:
    """The link and current sort order of a column head. The first click sorts ascending for `upward`, descending for others."""
    now = ("descending" if order[1] else "ascending") if name == order[0] else ""
    sort = name if (order[1] if now else name in upward) else f"-{name}"
    return {"query": query(page_request, sort="" if sort == default else sort), "now": now}


def query(page_request: PageRequest, *without: str, **change: str) -> str:
    """The query string for a link: the current filters without `without` and with `change`. It starts at the first page."""
    kept = QueryDict(mutable=True)
    for name, value in page_request.request.GET.items():
        if value and name not in (*_OURS, *without, *change):
            kept[name] = str(value)
    for name, value in change.items():
        if value:
            kept[name] = value
    return kept.urlencode()
