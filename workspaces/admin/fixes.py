"""Fixes: actions of the admin site with a dry run first. The page shows what would change and asks why; Apply looks again under
lock, and changes nothing when that is not what the page had shown.
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

MOST = 500
SAMPLE = 20


@dataclass(frozen=True)
class Line:
    """One thing of a dry run: what it is, how it is now, and how it would be; for one that stays, `after` says why."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Outlook:
    changes: Sequence[Line]
    kept: Sequence[Line] = ()

    @property
    def fingerprint(self) -> str:
        told = json.dumps([astuple(line) for line in self.changes])
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


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
    """The lines of its dry run are things, not consequences of one: the button says how many."""
    asks_first: ClassVar[bool] = False
    """The dry run needs an answer (an amount), so a form comes before it."""
    atomic: ClassVar[bool] = True
    most: ClassVar[int] = MOST
    do_not_call_in_templates: ClassVar[bool] = True

    def __init__(self) -> None:
        self.__name__ = self.name
        self.short_description = self.title

    def lock(self, found: Sequence[Any]) -> None:
        """Keep others from changing what `foresee` reads, until the transaction's end."""

    def foresee(self, found: Sequence[Any], answers: dict[str, Any]) -> Outlook:
        """What would change, and what would not and why. Changes nothing. May raise Refused."""
        raise NotImplementedError

    def done_before(self, answers: dict[str, Any]) -> str:
        """The sentence for a form that was applied already, by a double click."""
        return ""

    def apply(self, found: Sequence[Any], answers: dict[str, Any], *, by: Caller, reason: str) -> str:
        """Do it, recorded with who and why. Answers what was done. May raise Refused."""
        raise NotImplementedError

    def __call__(self, admin: ModelAdmin, request: HttpRequest, selected: QuerySet[Any]) -> HttpResponse | None:
        found = list(selected.order_by("pk")[: self.most + 1])
        if len(found) > self.most:
            admin.message_user(request, f"{self.title}: select at most {self.most} at once. Nothing was changed.", messages.ERROR)
            return None
        step = request.POST.get("step", "")
        form = self.form(request.POST if step in ("look", "apply") else None)
        if step == "apply" and form.is_valid():
            return self._apply(admin, request, found, form)
        return self._page(admin, request, found, form)

    def _apply(self, admin: ModelAdmin, request: HttpRequest, found: Sequence[Any], form: FixForm) -> HttpResponse:
        answers = form.cleaned_data
        if said := self.done_before(answers):
            admin.message_user(request, said, messages.WARNING)
            return HttpResponseRedirect(request.get_full_path())
        try:
            with transaction.atomic() if self.atomic else nullcontext():
                self.lock(found)
                seen = [type(one)._default_manager.filter(pk=one.pk).first() for one in found]
                fresh = [one for one in seen if one is not None]
                outlook = self.foresee(fresh, answers)
                if outlook.changes and outlook.fingerprint == request.POST.get("seen"):
                    told = self.apply(fresh, answers, by=access.of_user(request.user), reason=answers["reason"])
                    admin.message_user(request, told, messages.SUCCESS)
                    return HttpResponseRedirect(request.get_full_path())
        except Refused as refused:
            return self._page(admin, request, found, form, problem=f"Nothing was changed: {refused.message}")
        problem = "The situation has changed since this page was made. Nothing was changed: look again."
        return self._page(admin, request, fresh, form, problem=problem)

    def _page(
        self, admin: ModelAdmin, request: HttpRequest, found: Sequence[Any], form: FixForm, problem: str = ""
    ) -> HttpResponse:
        outlook = None
        if not self.asks_first or (form.is_bound and form.is_valid()):
            try:
                outlook = self.foresee(found, form.cleaned_data if form.is_bound and form.is_valid() else {})
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
            "ids": [one.pk for one in found],
            "checkbox": ACTION_CHECKBOX_NAME,
            "changes": outlook.changes[:SAMPLE] if outlook else [],
            "changes_more": max(len(outlook.changes) - SAMPLE, 0) if outlook else 0,
            "kept": outlook.kept[:SAMPLE] if outlook else [],
            "kept_more": max(len(outlook.kept) - SAMPLE, 0) if outlook else 0,
        }
        return TemplateResponse(request, "admin/fix.html", context)
