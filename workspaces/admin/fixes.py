"""Fixes: actions of the admin site with a dry run first. The page shows the changes and asks for a reason; Apply computes them again
under lock, and refuses when they differ from those that the page showed.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import astuple, dataclass
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from workspaces import access
from workspaces.access import Caller
from workspaces.errors import Refused

MAX_ROWS = 500
SAMPLE = 20


@dataclass(frozen=True)
class Line:
    """A line of a dry run: an object, its present state and its next one. For an object that stays, `after` is the reason."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Outlook:
    changes: Sequence[Line]
    kept: Sequence[Line] = ()

    @property
    def fingerprint(self) -> str:
        text = json.dumps([astuple(line) for line in self.changes])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class FixForm(forms.Form):
    reason = forms.CharField(
        max_length=500, help_text="Why. It is kept in activity with your name.", widget=forms.TextInput(attrs={"size": 80})
    )


class Fix:
    """An action of a ModelAdmin. `foresee` reads, `apply` changes; between the two, `lock` keeps others out."""

    name: ClassVar[str]
    title: ClassVar[str]
    button: ClassVar[str]
    explains: ClassVar[str] = ""
    form: ClassVar[type[FixForm]] = FixForm
    counts: ClassVar[bool] = True
    """Each line of the dry run is an object, not a consequence for one: the button shows their number."""
    asks_first: ClassVar[bool] = False
    """The dry run needs input (an amount), so a form comes first."""
    atomic: ClassVar[bool] = True
    most: ClassVar[int] = MAX_ROWS
    do_not_call_in_templates: ClassVar[bool] = True

    def __init__(self) -> None:
        self.__name__ = self.name
        self.short_description = self.title

    def lock(self, selected: Sequence[Any]) -> None:
        """Lock what `foresee` reads until the end of the transaction."""

    def foresee(self, selected: Sequence[Any], form_data: dict[str, Any]) -> Outlook:
        """The dry run: what would change, and what would stay and why. Changes nothing. May raise Refused."""
        raise NotImplementedError

    def done_before(self, form_data: dict[str, Any]) -> str:
        """The sentence for a form that was applied already, by a double click."""
        return ""

    def apply(self, selected: Sequence[Any], form_data: dict[str, Any], *, by: Caller, reason: str) -> str:
        """Apply it, recorded with who and why. Returns a sentence for the person. May raise Refused."""
        raise NotImplementedError

    def __call__(self, admin: ModelAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        selected = list(queryset.order_by("pk")[: self.most + 1])
        if len(selected) > self.most:
            admin.message_user(request, f"{self.title}: select at most {self.most} at once. Nothing was changed.", messages.ERROR)
            return None
        step = request.POST.get("step", "")
        form = self.form(request.POST if step in ("look", "apply") else None)
        if step == "apply" and form.is_valid():
            return self._apply(admin, request, selected, form)
        return self._page(admin, request, selected, form)

    def _apply(self, admin: ModelAdmin, request: HttpRequest, selected: Sequence[Any], form: FixForm) -> HttpResponse:
        form_data = form.cleaned_data
        if message := self.done_before(form_data):
            admin.message_user(request, message, messages.WARNING)
            return HttpResponseRedirect(request.get_full_path())
        try:
            with transaction.atomic() if self.atomic else nullcontext():
                self.lock(selected)
                seen = [type(row)._default_manager.filter(pk=row.pk).first() for row in selected]
                fresh = [row for row in seen if row is not None]
                outlook = self.foresee(fresh, form_data)
                if outlook.changes and outlook.fingerprint == request.POST.get("seen"):
                    result = self.apply(fresh, form_data, by=access.of_user(request.user), reason=form_data["reason"])
                    admin.message_user(request, result, messages.SUCCESS)
                    return HttpResponseRedirect(request.get_full_path())
        except Refused as refused:
            return self._page(admin, request, selected, form, problem=f"Nothing was changed: {refused.message}")
        problem = "The data changed since this page was shown. Nothing was changed: check again."
        return self._page(admin, request, fresh, form, problem=problem)

    def _page(
        self, admin: ModelAdmin, request: HttpRequest, selected: Sequence[Any], form: FixForm, problem: str = ""
    ) -> HttpResponse:
        outlook = None
        if not self.asks_first or (form.is_bound and form.is_valid()):
            try:
                outlook = self.foresee(selected, form.cleaned_data if form.is_bound and form.is_valid() else {})
            except Refused as refused:
                problem = problem or refused.message
        context = {
            **admin.admin_site.each_context(request),
            "title": self.title,
            "opts": admin.model._meta,
            "fix": self,
            "form": form,
            "outlook": outlook,
            "problem": problem,
            "ids": [row.pk for row in selected],
            "checkbox": ACTION_CHECKBOX_NAME,
            "changes": outlook.changes[:SAMPLE] if outlook else [],
            "changes_more": max(len(outlook.changes) - SAMPLE, 0) if outlook else 0,
            "kept": outlook.kept[:SAMPLE] if outlook else [],
            "kept_more": max(len(outlook.kept) - SAMPLE, 0) if outlook else 0,
        }
        return TemplateResponse(request, "admin/fix.html", context)
