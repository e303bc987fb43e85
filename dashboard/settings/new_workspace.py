"""The form for a new workspace: it checks the repository first, and shows progress while a URL is cloned."""

import time
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from dashboard.shared.decorators import logged_in
from dashboard.shared.forms import AmountField
from dashboard.shared.responses import SEE_OTHER
from orchestration.configuration import cloning, workspace_setup
from orchestration.configuration.cloning import Clone
from orchestration.configuration.config import agent_kinds
from orchestration.repositories import repository_check
from orchestration.repositories.repository_check import RepositoryInfo
from workspaces import access
from workspaces.access import Caller
from workspaces.errors import Invalid, NotFound

OF_CONFIG = {"max_workers": "max_workers", "agent.command": "command", "agent.model": "model", "agent.kind": "kind"}

LABELS = {
    "repo": "the repository",
    "base_branch": "the base branch",
    "name": "the name",
    "cap": "the hard cap",
    "total": "the total budget",
    "kind": "the agent",
    "command": "its command",
    "model": "its model",
    "verify": "the verify command",
    "junit": "the JUnit file",
    "max_workers": "the concurrency",
}
"""The fields, as a sentence names them."""


class WorkspaceForm(forms.Form):
    repo = forms.CharField(max_length=1000, error_messages={"required": "Write a path on the server, or a git URL"})
    name = forms.CharField(max_length=200, required=False)
    base_branch = forms.CharField(max_length=100, required=False)
    cap = AmountField(error_messages={"required": "Write an amount in USD", "invalid": "Write an amount in USD, such as 12.50"})
    total = AmountField(required=False, error_messages={"invalid": "Write an amount in USD, such as 12.50"})
    kind = forms.ChoiceField(choices=list(agent_kinds.TITLES.items()))
    command = forms.CharField(max_length=4000, required=False)
    model = forms.CharField(max_length=200, required=False)
    verify = forms.CharField(max_length=4000, required=False)
    junit = forms.CharField(max_length=500, required=False)
    max_workers = forms.IntegerField(min_value=1, max_value=500, error_messages={"required": "Write a number, such as 4"})

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if (agent := agent_kinds.OF_CONFIG.get(cleaned.get("kind", ""))) and not cleaned.get("command"):
            self.add_error("command", f"{agent} needs a command: what to run in the entry's clone")
        if cleaned.get("junit") and not cleaned.get("verify"):
            self.add_error("junit", "A JUnit file goes with a verify command")
        return cleaned


START = {"cap": "20", "total": "20", "kind": "command", "max_workers": "4"}


@require_http_methods(["GET", "POST"])
@logged_in
def page(request: HttpRequest, caller: Caller) -> HttpResponse:
    access.check_may_create(caller)
    if request.method == "POST":
        return _submit(request, caller)
    if not (token := request.GET.get("clone", "")):
        return _page(request, START | {name: request.GET[name] for name in ("repo",) if name in request.GET})
    clone = _clone_of(request, token)
    if clone.state == "cloning":
        return render(request, "settings/cloning.html", {"clone": clone, "minutes": int((time.time() - clone.since) // 60)})
    if clone.state == "failed":
        return _page(request, clone.form, {"repo": f"Cloning failed: {clone.error}"})
    try:
        return _page(
            request,
            clone.form,
            repository=repository_check.inspect(clone.path, clone.form.get("base_branch") or None),
            clone=clone,
        )
    except Invalid as invalid:
        return _page(request, clone.form, _problems(invalid), clone=clone)


def _submit(request: HttpRequest, caller: Caller) -> HttpResponse:
    form = WorkspaceForm(request.POST)
    form_data = {name: request.POST.get(name, "")[:4000] for name in form.fields}
    fits = form.is_valid()
    problems = {name: str(errors[0]) for name, errors in form.errors.items()}
    checking = request.POST.get("do") == "check"
    if "repo" in problems or (problems and not checking):
        return _page(request, form_data, problems)
    repo, clone = form.cleaned_data["repo"], None
    try:
        if cloning.is_url(repo):
            clone = _done_clone(request, repo)
            if clone is None:
                token = cloning.start(repo, form_data, user_id=request.user.pk or 0)
                return HttpResponseRedirect(f"{reverse('workspace-new')}?clone={token}", status=SEE_OTHER)
        path = clone.path if clone else workspace_setup.allowed_path(repo)
        repository = repository_check.inspect(path, form.cleaned_data.get("base_branch") or None)
        if checking or not fits:
            return _page(request, form_data, repository=repository, clone=clone)
        workspace = _create(form.cleaned_data, repository, clone, caller)
    except Invalid as invalid:
        return _page(request, form_data, _problems(invalid), clone=clone)
    if clone:
        cloning.forget(clone.token)
    return HttpResponseRedirect(reverse("workspace", args=[workspace.pk]), status=SEE_OTHER)


def _create(form_data: dict[str, Any], repository: RepositoryInfo, clone: Clone | None, caller: Caller) -> Any:
    agent = {"kind": form_data["kind"]} | {name: form_data[name] for name in ("command", "model") if form_data[name]}
    config: dict[str, Any] = {"max_workers": form_data["max_workers"], "agent": agent}
    if form_data["verify"]:
        config["verify"] = [
            {"name": "verify", "run": form_data["verify"]} | ({"junit": form_data["junit"]} if form_data["junit"] else {})
        ]
    return workspace_setup.create(
        form_data["name"] or Path(form_data["repo"].rstrip("/")).name.removesuffix(".git") or "Workspace",
        cloning.redacted(form_data["repo"]) if clone else form_data["repo"],
        base_branch=form_data["base_branch"] or None,
        total_budget=form_data["cap"] if form_data["total"] is None else form_data["total"],
        max_project_spend=form_data["cap"],
        config=config,
        by=caller,
        clone_path=Path(repository.path) if clone else None,
    )


def _clone_of(request: HttpRequest, token: str) -> Clone:
    return cloning.find(token, user_id=request.user.pk)  # type: ignore[arg-type]


def _done_clone(request: HttpRequest, repo: str) -> Clone | None:
    """The finished clone of this form, if it is of this URL."""
    try:
        clone = _clone_of(request, request.POST.get("clone", ""))
    except NotFound:
        return None
    return clone if clone.url == repo and clone.state == "done" else None


def _problems(invalid: Invalid) -> dict[str, str]:
    """The error at its form field: the config's keys have other names here."""
    name = next(iter(invalid.names), "repo")
    field = OF_CONFIG.get(name, "verify" if name.startswith("verify") else name)
    if field not in WorkspaceForm.base_fields:
        field = {"total_budget": "total", "max_project_spend": "cap"}.get(field, "repo")
    return {field: f"{invalid.message[:1].upper()}{invalid.message[1:]}"}


def _page(
    request: HttpRequest,
    form_data: dict[str, Any],
    problems: dict[str, str] | None = None,
    *,
    repository: RepositoryInfo | None = None,
    clone: Clone | None = None,
) -> HttpResponse:
    context = {
        "form_data": form_data,
        "problems": problems or {},
        "wrong": [(name, LABELS.get(name, name)) for name in problems or {}],
        "repository": repository,
        "clone": clone,
        "kinds": list(agent_kinds.TITLES.items()),
        "roots": settings.REPO_ROOTS,
        "page_url": reverse("workspace-new"),
    }
    return render(request, "settings/new_workspace.html", context, status=400 if problems else 200)
