"""The diff of an entry or of one round: file by file, and as a patch file."""

from django import forms
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from dashboard.diffs import regions as diff_regions
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.lists import filters
from dashboard.shared.page_request import PageRequest, Region, render_page
from orchestration import configuration
from orchestration.edge import entry_diff, queries
from orchestration.models import Entry


class DiffFilter(forms.Form):
    file = forms.CharField(max_length=4096, required=False, strip=False)


@require_safe
@in_workspace()
def page(page_request: PageRequest, entry_id: str) -> HttpResponse:
    """All changes of the entry against the integration branch."""
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    chosen, ignored = filters.read(DiffFilter, page_request)
    base, commit, words = _span(page_request, entry)
    regions = HEADER | {
        "diff": Region(
            "entry/diff_files.html",
            lambda page_request: diff_regions.diff_context(page_request, base, commit, only=chosen["file"]),
        )
    }
    return render_page(page_request, "entry/diff.html", regions, entry=entry, words=words, ignored=ignored)


@require_safe
@in_workspace()
def patch(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    base, commit, _ = _span(page_request, entry)
    return diff_regions.patch_response(page_request, base, commit, f"entry-{entry.seq}.patch")


def _span(page_request: PageRequest, entry: Entry) -> tuple[str, str, str]:
    """(base, commit, sentence)."""
    branch = configuration.load(page_request.executor.config).integration_branch
    base, commit, merged = entry_diff.span(entry, branch)
    if not commit:
        return "", "", ""
    if base == commit:
        return base, commit, f"It changes nothing against {branch}."
    if merged:
        return base, commit, f"It is merged into {branch}: from where its own changes begin to its newest commit."
    return base, commit, f"Against {branch}, from where this entry's branch left it."
