"""The forms of the page of landings: accept, put back, check again, revert, push, merge into the base branch."""

from collections.abc import Callable

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboard.shared import confirmation
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import confirm, done
from orchestration.landing import decisions
from workspaces.access import Need

COMMIT = r"^[0-9a-f]{7,64}$"


class TipForm(forms.Form):
    tip = forms.RegexField(COMMIT, error_messages={"required": "Name a commit", "invalid": "Name a commit"})
    from_now_on = forms.BooleanField(required=False)


class CommitForm(forms.Form):
    commit = forms.RegexField(COMMIT, error_messages={"required": "Name a commit", "invalid": "Name a commit"})


@require_POST
@in_workspace(Need.OPERATE)
def check(page_request: PageRequest) -> HttpResponse:
    decisions.check_again(page_request.workspace, by=page_request.caller)
    return done(page_request, "The checks run on the tip again soon")


@require_POST
@in_workspace(Need.OPERATE)
def push(page_request: PageRequest) -> HttpResponse:
    decisions.push(page_request.workspace, by=page_request.caller)
    return done(page_request, "The branch is pushed soon")


@require_POST
@in_workspace(Need.OPERATE)
def accept(page_request: PageRequest) -> HttpResponse:
    form = validated(TipForm(page_request.request.POST))
    sentence = (
        "Work starts from this commit, and later work is compared with it: what fails on it counts as failing before. "
        "Entries whose work it drops stay done."
    )
    return _confirmed(
        page_request,
        "accept",
        form,
        title=f"Accept {form['tip'][:12]}",
        sentence=sentence,
        act=lambda: decisions.accept(
            page_request.workspace, form["tip"], by=page_request.caller, from_now_on=form["from_now_on"]
        ),
        result=f"Work starts from {form['tip'][:12]} now",
    )


@require_POST
@in_workspace(Need.OPERATE)
def put_back(page_request: PageRequest) -> HttpResponse:
    form = validated(TipForm(page_request.request.POST))
    return _confirmed(
        page_request,
        "put-back",
        form,
        title="Put the branch back",
        sentence="The integration branch moves back to the last good tip. The commits that leave it are kept under a ref.",
        act=lambda: decisions.put_back(page_request.workspace, form["tip"], by=page_request.caller),
        result="The branch is back at the last good tip",
    )


@require_POST
@in_workspace(Need.OPERATE)
def merge(page_request: PageRequest) -> HttpResponse:
    form, base = validated(TipForm(page_request.request.POST)), page_request.workspace.base_branch
    return _confirmed(
        page_request,
        "merge",
        form,
        title=f"Merge into {base}",
        sentence=f"{base} moves forward to {form['tip'][:12]}. Where {base} is checked out and clean, its files move with it.",
        act=lambda: decisions.merge_into_base(page_request.workspace, form["tip"], by=page_request.caller),
        result=f"{base} is at {form['tip'][:12]}",
    )


@require_POST
@in_workspace(Need.OPERATE)
def revert(page_request: PageRequest) -> HttpResponse:
    commit = validated(CommitForm(page_request.request.POST))["commit"]
    return _confirmed(
        page_request,
        "revert",
        {"commit": commit},
        title=f"Revert {commit[:12]}",
        sentence="A commit that undoes it goes through the landing queue and is judged. The entries stay done: reopen them to do them again.",
        act=lambda: decisions.revert(page_request.workspace, commit, by=page_request.caller),
        result=f"The revert of {commit[:12]} is queued",
    )


def _confirmed(
    page_request: PageRequest,
    action: str,
    fields: dict[str, object],
    *,
    title: str,
    sentence: str,
    act: Callable[[], object],
    result: str,
) -> HttpResponse:
    """Act with the token of the confirmation; without it, ask."""
    subject = " ".join(str(value) for value in fields.values())
    if not confirmation.is_confirmed(page_request, f"landing-{action}", subject):
        sent = {name: value for name, value in fields.items() if value}
        token = confirmation.token(page_request, f"landing-{action}", subject)
        return confirm(
            page_request,
            title=title,
            sentence=sentence,
            button=title,
            action=reverse(f"landing-{action}", args=[page_request.workspace.pk]),
            fields={**sent, "confirm": token},
        )
    act()
    return done(page_request, result)
