"""Preferences and the password."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from dashboard.account.theme import A_YEAR_S
from dashboard.shared.decorators import logged_in
from dashboard.shared.responses import SEE_OTHER
from workspaces import people
from workspaces.access import Caller
from workspaces.models import Preferences
from workspaces.people import throttle


class PreferencesForm(forms.ModelForm):
    class Meta:
        model = Preferences
        fields = ["time_zone", "theme", "density", "shortcuts"]

    def clean_time_zone(self) -> str:
        name: str = self.cleaned_data["time_zone"].strip()
        named = {zone.casefold(): zone for zone in people.zones()}
        if name and name.casefold() not in named:
            raise forms.ValidationError("Unknown time zone: enter one like Europe/Berlin")
        return named[name.casefold()] if name else ""


@logged_in
def page(request: HttpRequest, caller: Caller) -> HttpResponse:
    return _page(request)


@require_POST
@logged_in
def save_preferences(request: HttpRequest, caller: Caller) -> HttpResponse:
    form = PreferencesForm(request.POST, instance=people.preferences_of(request.user))
    if not form.is_valid():
        return _page(
            request, problems={name: str(errors[0]) for name, errors in form.errors.items()}, form_data=request.POST.dict()
        )
    people.save_preferences(request.user, **form.cleaned_data)
    response = _back(request, "Preferences saved")
    response.set_cookie("theme", form.cleaned_data["theme"], max_age=A_YEAR_S, samesite="Lax", httponly=True)
    return response


@sensitive_post_parameters()
@require_POST
@logged_in
def set_password(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Logs the person out of all other sessions. A person who logged in by a link has no password yet and needs no old one."""
    key = f"password of {request.user.pk}"
    if throttle.count_try(key, "") is not None:
        return _page(request, problems={"password": "Too many attempts. Wait 15 minutes, then try again."}, status=429)
    form = _password_form(request.user)(request.user, request.POST)
    if not form.is_valid():
        return _page(request, problems={"password": " ".join(str(error) for errors in form.errors.values() for error in errors)})
    throttle.forget(key, "")
    form.save()
    update_session_auth_hash(request, form.user)
    return _back(request, "Password set; your other sessions are logged out")


def _password_form(user: Any) -> type[SetPasswordForm]:
    return PasswordChangeForm if user.has_usable_password() else SetPasswordForm


def _back(request: HttpRequest, sentence: str) -> HttpResponse:
    messages.success(request, sentence, extra_tags="good")
    return HttpResponseRedirect(reverse("account"), status=SEE_OTHER)


def _page(
    request: HttpRequest, *, problems: dict[str, str] | None = None, form_data: dict[str, Any] | None = None, status: int = 400
) -> HttpResponse:
    chosen = people.preferences_of(request.user)
    context = {
        "tab": "account",
        "problems": problems or {},
        "zone": (form_data or {}).get("time_zone", chosen.time_zone),
        "chosen": chosen,
        "zones": sorted(people.zones()),
        "themes": Preferences.Theme.choices,
        "densities": Preferences.Density.choices,
        "has_password": request.user.has_usable_password(),  # type: ignore[union-attr]
        "page_url": reverse("account"),
    }
    return render(request, "account/preferences.html", context, status=status if problems else 200)
