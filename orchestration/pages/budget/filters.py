"""The filters in the addresses of the money's lists. What does not fit is left out and named, not refused: addresses are typed by people."""

from typing import Any

from django import forms
from django.http import QueryDict

from budget.models import BudgetChange, Category
from orchestration.pages.scene import Scene

SORTS = ("spent", "budget", "left", "seq")
_OURS = {"fragment", "after", "before", "format", "next", "edit", "release"}


class EntriesFilter(forms.Form):
    over = forms.ChoiceField(choices=[("", ""), ("1", "")], required=False)
    locked = forms.ChoiceField(choices=[("", ""), ("1", "")], required=False)
    none = forms.ChoiceField(choices=[("", ""), ("1", "")], required=False)
    q = forms.CharField(max_length=200, required=False)
    sort = forms.ChoiceField(choices=[("", ""), *((f"{sign}{name}", "") for name in SORTS for sign in ("", "-"))], required=False)


class LedgerFilter(forms.Form):
    category = forms.ChoiceField(choices=[("", "All"), *Category.choices], required=False)
    entry = forms.RegexField(r"^#?[0-9]{1,15}$|^entry_[A-Za-z0-9_-]{1,40}$", required=False)
    session = forms.RegexField(r"^[A-Za-z0-9_-]{1,40}$", required=False)
    since = forms.DateField(required=False)
    until = forms.DateField(required=False)


class ChangesFilter(forms.Form):
    source = forms.ChoiceField(choices=[("", "Everybody"), *BudgetChange.Source.choices], required=False)
    entry = forms.RegexField(r"^#?[0-9]{1,15}$|^entry_[A-Za-z0-9_-]{1,40}$", required=False)
    field = forms.RegexField(r"^[a-z_.]{1,30}$", required=False)


def read(form: type[forms.Form], scene: Scene, rename: dict[str, str] | None = None) -> tuple[dict[str, Any], list[str]]:
    """The values that fit, empty for the rest, and the names of what was ignored. `rename`: names of the address to names of the form."""
    said = {(rename or {}).get(name, name): scene.request.GET[name] for name in scene.request.GET}
    bound = form({name: value.replace("\x00", "") for name, value in said.items()})
    bound.is_valid()
    chosen = {name: bound.cleaned_data.get(name) or "" for name in bound.fields}
    odd = [name for name in said if said[name] and name not in _OURS and (name not in bound.fields or name in bound.errors)]
    back = {ours: theirs for theirs, ours in (rename or {}).items()}
    return chosen, [back.get(name, name)[:40] for name in odd]


def query(scene: Scene, *without: str, **change: str) -> str:
    """The address's filters as they are, but for what changes: for links. A new filter begins at the first page."""
    kept = QueryDict(mutable=True)
    for name, value in scene.request.GET.items():
        if value and name not in (*_OURS, *without, *change):
            kept[name] = str(value)
    for name, value in change.items():
        if value:
            kept[name] = value
    return kept.urlencode()
