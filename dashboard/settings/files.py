"""The part of the agents' page about files that git ignores and clones get."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.views.decorators.http import require_POST

from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import done
from orchestration.repositories import ignored_files
from workspaces.access import Need
from workspaces.errors import Invalid
from workspaces.files import bundle
from workspaces.models.files import MAX_BYTES


class FileForm(forms.Form):
    path = forms.CharField(max_length=1000, required=False)
    file = forms.FileField(allow_empty_file=True, error_messages={"required": "Choose a file"})


@require_POST
@in_workspace(Need.ADMIN)
def put(page_request: PageRequest) -> HttpResponse:
    form_data = validated(FileForm(page_request.request.POST, page_request.request.FILES))
    upload = form_data["file"]
    if upload.size > MAX_BYTES:
        raise Invalid(f"A file may have at most {MAX_BYTES // 1024} KiB", "file")
    row = ignored_files.put(page_request.workspace, form_data["path"] or upload.name, upload.read(), by=page_request.caller)
    return done(page_request, f"{row.path} is saved; the checks run again with it")


@require_POST
@in_workspace(Need.ADMIN)
def remove(page_request: PageRequest) -> HttpResponse:
    path = page_request.request.POST.get("path", "")
    ignored_files.remove(page_request.workspace, path, by=page_request.caller)
    return done(page_request, f"{path} is removed; clones lose it with their next session")


def region(page_request: PageRequest) -> dict[str, Any]:
    rows = list(bundle.of(page_request.workspace.pk).defer("sealed"))
    included = ignored_files.of(page_request.workspace, [row.path for row in rows])
    return {
        "files": [(row, included.unused.get(row.path, "")) for row in rows],
        "missing_files": included.missing,
        "may_admin": page_request.may(Need.ADMIN),
    }
