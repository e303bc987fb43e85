"""The forms of the review page: approve, send back, release the locks, and comments on lines. Each names the commit that the person saw."""

from django import forms
from django.http import HttpResponse
from django.views.decorators.http import require_POST

from dashboard.shared.counts import text
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import done
from orchestration.approval import choosing, comments, deciding
from orchestration.edge import queries
from orchestration.models import ReviewComment
from workspaces.access import Need

COMMIT = r"^[0-9a-f]{40,64}$"
NAME_A_COMMIT = {"required": "Name a commit", "invalid": "Name a commit"}


class CommitForm(forms.Form):
    commit = forms.RegexField(COMMIT, error_messages=NAME_A_COMMIT)


class SendBackForm(CommitForm):
    note = forms.CharField(max_length=2000, required=False)


class NameTestsForm(CommitForm):
    tests = forms.CharField(max_length=20_000, error_messages={"required": "Name at least one test"})


class CommentForm(CommitForm):
    file = forms.CharField(max_length=1024, required=False, strip=False)
    line = forms.IntegerField(min_value=1, max_value=9_999_999, required=False)
    side = forms.ChoiceField(choices=ReviewComment.Side.choices, required=False)
    text = forms.CharField(max_length=2000, error_messages={"required": "Write a comment"})


@require_POST
@in_workspace(Need.OPERATE)
def approve(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    deciding.approve(entry, validated(CommitForm(page_request.request.POST))["commit"], by=page_request.caller)
    return done(page_request, f"#{entry.seq} is approved: it lands as soon as its turn comes")


@require_POST
@in_workspace(Need.OPERATE)
def choose(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    choosing.choose(entry, validated(CommitForm(page_request.request.POST))["commit"], by=page_request.caller)
    return done(page_request, f"#{entry.seq} goes on with that candidate's work: it is verified next")


@require_POST
@in_workspace(Need.OPERATE)
def send_back(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    form = validated(SendBackForm(page_request.request.POST))
    count = deciding.send_back(entry, form["commit"], by=page_request.caller, note=form["note"])
    comments_ = "1 comment" if count == 1 else f"{text(count)} comments"
    return done(page_request, f"#{entry.seq} is sent back: its next round begins with {comments_}")


@require_POST
@in_workspace(Need.OPERATE)
def name_tests(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    form = validated(NameTestsForm(page_request.request.POST))
    deciding.name_tests(entry, form["commit"], form["tests"].splitlines(), by=page_request.caller)
    return done(page_request, f"#{entry.seq} is verified again: it lands if these tests pass")


@require_POST
@in_workspace(Need.OPERATE)
def release_locks(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    count = deciding.release_locks(entry, by=page_request.caller)
    return done(page_request, f"#{entry.seq} released {text(count)} {'lock' if count == 1 else 'locks'}; it still waits")


@require_POST
@in_workspace(Need.OPERATE)
def comment(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    form = validated(CommentForm(page_request.request.POST))
    side = ReviewComment.Side(form["side"] or ReviewComment.Side.NEW)
    line = form["line"] if form["file"] else None
    comments.add(entry, form["commit"], form["text"], by=page_request.caller, path=form["file"], line=line, side=side)
    return done(page_request, "Your comment is kept: the agent reads it once you send the work back")


@require_POST
@in_workspace(Need.OPERATE)
def remove_comment(page_request: PageRequest, entry_id: str, comment_id: int) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    comments.remove(entry, comment_id, by=page_request.caller)
    return done(page_request, "The comment is removed")
