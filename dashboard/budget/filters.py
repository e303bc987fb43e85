"""The filters of the budget lists."""

from django import forms

from budget.models import BudgetChange, Category
from dashboard.shared.lists import filters

SORTS = ("spent", "budget", "left", "seq")
"""The columns of the page that are an order of entries."""


class EntriesFilter(forms.Form):
    over = forms.ChoiceField(choices=[("", ""), ("1", "")], required=False)
    locked = forms.ChoiceField(choices=[("", ""), ("1", "")], required=False)
    none = forms.ChoiceField(choices=[("", ""), ("1", "")], required=False)
    q = forms.CharField(max_length=200, required=False)
    sort = filters.sort_field(SORTS)


class LedgerFilter(forms.Form):
    category = forms.ChoiceField(choices=[("", "All"), *Category.choices], required=False)
    entry = forms.RegexField(r"^#?[0-9]{1,15}$|^entry_[A-Za-z0-9_-]{1,40}$", required=False)
    session = forms.RegexField(r"^[A-Za-z0-9_-]{1,40}$", required=False)
    since = forms.DateField(required=False)
    until = forms.DateField(required=False)


class ChangesFilter(forms.Form):
    source = forms.ChoiceField(choices=[("", "Anyone"), *BudgetChange.Source.choices], required=False)
    entry = forms.RegexField(r"^#?[0-9]{1,15}$|^entry_[A-Za-z0-9_-]{1,40}$", required=False)
    field = forms.RegexField(r"^[a-z_.]{1,30}$", required=False)
