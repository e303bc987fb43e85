"""A plan imported as a person does it: previewed, then applied."""

from orchestration.backlog import content
from orchestration.models import Entry
from orchestration.plans import formats, importing
from orchestration.plans.difference import Difference
from orchestration.plans.importing import Outcome
from tests.factories import ANA
from workspaces.access import Caller
from workspaces.models import Workspace

BEA = Caller("bea")


def shown(workspace: Workspace, text: str, **options: bool) -> Difference:
    result = importing.preview(workspace.pk, formats.parse(text), by=ANA, **options)
    assert result.problems == []
    return result.difference


def bring(workspace: Workspace, text: str, **options: bool) -> Outcome:
    token = shown(workspace, text, **options).token
    return importing.apply(workspace.pk, formats.parse(text), by=ANA, token=token, **options)


def kinds(difference: Difference) -> list[str]:
    return [line.kind for line in difference.lines]


def fields(difference: Difference, n: int) -> tuple[list[str], list[str]]:
    """The names of what changes and of what is kept in line `n`."""
    line = difference.lines[n]
    return [change.name for change in line.changes], [change.name for change in line.kept]


def entry(workspace: Workspace, title: str) -> Entry:
    return Entry.objects.get(workspace=workspace, content__startswith=title, deleted_at__isnull=True)


def needs(row: Entry) -> list[int]:
    return sorted(row.dependencies.values_list("depends_on__seq", flat=True))


def rewrite(row: Entry, text: str) -> None:
    content.edit(row, content.Change(content=text), by=BEA)
