"""The diff of two commits as a part of a page, and as a patch file: secrets are masked."""

from typing import Any

from django.http import HttpResponse
from django.utils.http import content_disposition_header

from dashboard.diffs import reading, viewing
from dashboard.shared.lists import filters
from dashboard.shared.page_request import PageRequest
from orchestration import configuration
from orchestration.configuration import secrets
from orchestration.repositories import local_repository
from workspaces.errors import NotFound
from workspaces.secrets.masking import Mask


def diff_context(page_request: PageRequest, base: str, commit: str, *, only: str = "") -> dict[str, Any]:
    """One query, for the secrets that are masked."""
    seen = viewing.view(
        str(local_repository.to_show(page_request.workspace, commit)), base, commit, only=only, mask=_mask(page_request)
    )
    return {"diff": seen, "base": base[:10], "commit": commit[:10], "file_query": filters.query(page_request, "file")}


def patch_response(page_request: PageRequest, base: str, commit: str, name: str) -> HttpResponse:
    """git's own patch with secrets masked, always as a download: the content is not trusted."""
    try:
        text, whole = reading.patch(str(local_repository.to_show(page_request.workspace, commit)), base, commit)
    except reading.NotReadable as problem:
        raise NotFound(str(problem)) from None
    text = _mask(page_request)(text)
    if not whole:
        text += f"\n# Cut here: it is longer than {reading.WHOLE_PATCH_BYTES:,} bytes.\n"
    response = HttpResponse(text.encode("utf-8", "surrogateescape"), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _mask(page_request: PageRequest) -> Mask:
    return secrets.mask_for(page_request.workspace.pk, configuration.envs(configuration.load(page_request.executor.config)))
