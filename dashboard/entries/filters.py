"""The filters in the URL of the list of entries, and the heads of its columns."""

from django import forms

from dashboard.shared.lists import filters
from dashboard.shared.page_request import PageRequest
from orchestration.lists import search_language
from orchestration.lists.entries import SORTS, SYNONYMS, EntryQuery

HEADS = (
    ("seq", "Entry"),
    ("", "Status"),
    ("", "Why"),
    ("rounds", "Rounds"),
    ("spent", "Spent of budget"),
    ("updated", "Changed"),
)
"""The columns of the list: the order that a head sorts by, if any, and its word."""
MORE_SORTS = (("priority", "Priority"), ("score", "Score"))
"""Orders without a column of their own."""
UPWARD_FIRST = ("seq", "priority")


class EntriesFilter(forms.Form):
    status = forms.ChoiceField(choices=[("", ""), *search_language.STATUSES.items()], required=False)
    reason = forms.RegexField(r"^[a-z_]{1,30}$", required=False)
    locked = forms.ChoiceField(choices=[("", ""), ("1", "")], required=False)
    group = forms.CharField(max_length=200, required=False)
    done = forms.ChoiceField(choices=[("", ""), ("hide", "")], required=False)
    q = forms.CharField(max_length=search_language.MAX_LENGTH, required=False)
    view = forms.ChoiceField(choices=[("", ""), ("board", ""), ("graph", ""), ("table", "")], required=False)
    sort = filters.sort_field([*SORTS, *SYNONYMS])


def read(page_request: PageRequest) -> EntryQuery:
    chosen, ignored = filters.read(EntriesFilter, page_request)
    search = search_language.parse(chosen["q"])
    return EntryQuery(chosen, search, [*ignored, *search.ignored], page_request.shut)
