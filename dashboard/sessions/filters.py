"""The filters in the URLs of the session list and of a log."""

from django import forms

from dashboard.shared.lists import filters
from orchestration.lists.sessions import MAX_WORDS, SORTS
from orchestration.models import Session

STATES = {
    "running": "Running",
    "starting": "Starting",
    "stopping": "Stopping",
    "quiet": "Quiet",
    "waiting": "Waiting for provider",
}
OUTCOMES = [(value, value.replace("_", " ").capitalize()) for value in Session.Outcome.values]
LEVELS = {
    "": "All lines",
    "warn": "Warnings and errors",
    "error": "Errors",
    "stderr": "Standard error",
    "agent": "Agent only",
    "checks": "Setup and checks",
}


class WorkersFilter(forms.Form):
    state = forms.ChoiceField(choices=[("", ""), *STATES.items(), *OUTCOMES], required=False)
    phase = forms.ChoiceField(choices=[("", "Any phase"), *Session.Phase.choices], required=False)
    q = forms.CharField(max_length=MAX_WORDS, required=False)
    sort = filters.sort_field(SORTS)
    ended = forms.ChoiceField(choices=[("", ""), ("1", "")], required=False)
    view = forms.ChoiceField(choices=[("", ""), ("timeline", ""), ("grid", "")], required=False)
    session = forms.CharField(max_length=60, required=False)


class LogFilter(forms.Form):
    """The parameters of a log's URL. Line numbers are bounded integers."""

    after = forms.IntegerField(min_value=0, max_value=10**15, required=False)
    before = forms.IntegerField(min_value=0, max_value=10**15, required=False)
    at = forms.IntegerField(min_value=0, max_value=10**15, required=False)
    line = forms.IntegerField(min_value=1, max_value=10**15, required=False)
    q = forms.CharField(max_length=200, required=False, strip=False)
    level = forms.ChoiceField(choices=list(LEVELS.items()), required=False)
    count = forms.ChoiceField(choices=[("", ""), ("1", "")], required=False)
    tab = forms.ChoiceField(choices=[("", ""), ("summary", ""), ("log", ""), ("events", "")], required=False)
