"""A new workspace by a form: the repository is looked at first, and a URL is cloned while a page says so."""

import time
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from dashboard.shared.decorators import person
from dashboard.shared.forms import Amount
from dashboard.shared.responses import SEE_OTHER
from orchestration.configuration import agent_kinds, cloning, repository_check, workspace_setup
from orchestration.configuration.cloning import Clone
from orchestration.configuration.repository_check import RepositoryInfo
from workspaces import access
from workspaces.access import Caller
from workspaces.errors import Invalid, NotFound

OF_CONFIG = {"max_workers": "max_workers", "agent.command": "command", "agent.model": "model", "agent.kind": "kind"}


class WorkspaceForm(forms.Form):
    repo = forms.CharField(max_length=1000, error_messages={"required": "Write a path on the server, or a git URL"})
    name = forms.CharField(max_length=200, required=False)
    base_branch = forms.CharField(max_length=100, required=False)
    cap = Amount(error_messages={"required": "Write an amount in USD", "invalid": "Write an amount in USD, such as 12.50"})
    total = Amount(required=False, error_messages={"invalid": "Write an amount in USD, such as 12.50"})
    kind = forms.ChoiceField(choices=list(agent_kinds.TITLES.items()))
    command = forms.CharField(max_length=4000, required=False)
    model = forms.CharField(max_length=200, required=False)
    verify = forms.CharField(max_length=4000, required=False)
    junit = forms.CharField(max_length=500, required=False)
    max_workers = forms.IntegerField(min_value=1, max_value=500, error_messages={"required": "Write a number, such as 4"})

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("kind") == "command" and not said.get("command"):
            self.add_error("command", "A command agent needs a command: what to run in the entry's worktree")
        if said.get("junit") and not said.get("verify"):
            self.add_error("junit", "A JUnit file goes with a verify command")
        return said


START = {"cap": "20", "total": "20", "kind": "command", "max_workers": "4"}


@require_http_methods(["GET", "POST"])
@person
def page(request: HttpRequest, caller: Caller) -> HttpResponse:
    access.check_may_create(caller)
    if request.method == "POST":
        return _sent(request, caller)
    if not (token := request.GET.get("clone", "")):
        return _page(request, START | {name: request.GET[name] for name in ("repo",) if name in request.GET})
    clone = _clone_of(request, token)
    if clone.state == "cloning":
        return render(request, "settings/cloning.html", {"clone": clone, "minutes": int((time.time() - clone.since) // 60)})
    if clone.state == "failed":
        return _page(request, clone.form, {"repo": f"It could not be cloned: {clone.error}"})
    try:
        return _page(
            request, clone.form, found=repository_check.inspect(clone.path, clone.form.get("base_branch") or None), clone=clone
        )
    except Invalid as invalid:
        return _page(request, clone.form, _problems(invalid), clone=clone)


def _sent(request: HttpRequest, caller: Caller) -> HttpResponse:
    form = WorkspaceForm(request.POST)
    said = {name: request.POST.get(name, "")[:4000] for name in form.fields}
    fits = form.is_valid()
    problems = {name: str(told[0]) for name, told in form.errors.items()}
    checking = request.POST.get("do") == "check"
    if "repo" in problems or (problems and not checking):
        return _page(request, said, problems)
    repo, clone = form.cleaned_data["repo"], None
    try:
        if cloning.is_url(repo):
            clone = _done_clone(request, repo)
            if clone is None:
                token = cloning.start(repo, said, user_id=request.user.pk or 0)
                return HttpResponseRedirect(f"{reverse('workspace-new')}?clone={token}", status=SEE_OTHER)
        path = clone.path if clone else workspace_setup.allowed(repo)
        found = repository_check.inspect(path, form.cleaned_data.get("base_branch") or None)
        if checking or not fits:
            return _page(request, said, found=found, clone=clone)
        made = _make(form.cleaned_data, found, clone, caller)
    except Invalid as invalid:
        return _page(request, said, _problems(invalid), clone=clone)
    if clone:
        cloning.forget(clone.token)
    return HttpResponseRedirect(reverse("workspace", args=[made.pk]), status=SEE_OTHER)


def _make(said: dict[str, Any], found: RepositoryInfo, clone: Clone | None, caller: Caller) -> Any:
    agent = {"kind": said["kind"]} | {name: said[name] for name in ("command", "model") if said[name]}
    config: dict[str, Any] = {"max_workers": said["max_workers"], "agent": agent}
    if said["verify"]:
        config["verify"] = [{"name": "verify", "run": said["verify"]} | ({"junit": said["junit"]} if said["junit"] else {})]
    return workspace_setup.create(
        said["name"] or Path(said["repo"].rstrip("/")).name.removesuffix(".git") or "Workspace",
        cloning.redacted(said["repo"]) if clone else said["repo"],
        base_branch=said["base_branch"] or None,
        total_budget=said["cap"] if said["total"] is None else said["total"],
        max_project_spend=said["cap"],
        config=config,
        by=caller,
        cloned=Path(found.path) if clone else None,
    )


def _clone_of(request: HttpRequest, token: str) -> Clone:
    return cloning.find(token, user_id=request.user.pk)  # type: ignore[arg-type]


def _done_clone(request: HttpRequest, repo: str) -> Clone | None:
    """The clone that this form was filled for, if it is of this very address and there."""
    try:
        clone = _clone_of(request, request.POST.get("clone", ""))
    except NotFound:
        return None
    return clone if clone.url == repo and clone.state == "done" else None


def _problems(invalid: Invalid) -> dict[str, str]:
    """Beside the field that is meant: the config's keys have other names here."""
    name = next(iter(invalid.names), "repo")
    field = OF_CONFIG.get(name, "verify" if name.startswith("verify") else name)
    if field not in WorkspaceForm.base_fields:
        field = {"total_budget": "total", "max_project_spend": "cap"}.get(field, "repo")
    return {field: f"{invalid.message[:1].upper()}{invalid.message[1:]}"}


def _page(
    request: HttpRequest,
    said: dict[str, Any],
    problems: dict[str, str] | None = None,
    *,
    found: RepositoryInfo | None = None,
    clone: Clone | None = None,
) -> HttpResponse:
    context = {
        "said": said,
        "problems": problems or {},
        "found": found,
        "clone": clone,
        "kinds": list(agent_kinds.TITLES.items()),
        "roots": settings.REPO_ROOTS,
        "page_url": reverse("workspace-new"),
    }
    return render(request, "settings/new_workspace.html", context, status=400 if problems else 200)
