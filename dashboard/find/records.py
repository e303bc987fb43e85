"""Entries, sessions, files and workspaces that match, in the workspaces of the person. One query each, whatever their number."""

from collections.abc import Collection, Iterator, Sequence
from urllib.parse import quote

from django.db.models import Q, TextField
from django.db.models.functions import Cast
from django.urls import reverse

from dashboard.find.hits import MAX_IN_GROUP, Hit
from dashboard.shared.texts import labels
from orchestration.edge import queries
from orchestration.lists import entries as lists
from orchestration.models import Entry, Session
from workspaces.models import Workspace
from workspaces.values import ids

MIN_LETTERS = 2


def workspaces(mine: Collection[Workspace]) -> Iterator[Hit]:
    for workspace in mine:
        yield Hit(workspace.name, reverse("workspace", args=[workspace.pk]), also=workspace.pk)


def entries(mine: dict[str, Workspace], here: Workspace | None, words: Sequence[str]) -> list[Hit]:
    """Entries with this number, id or words, in the workspace `here`, or without one in all of the person's. The entry with that number comes first, then
    the newest."""
    if not _worth_reading(words):
        return []
    rows = Entry.objects.filter(_scope(mine, here), deleted_at__isnull=True)
    rows = rows.only("seq", "content", "status", "workspace_id").order_by("-seq")
    named = list(rows.filter(lists.by_word(f"#{words[0]}"))[:MAX_IN_GROUP]) if len(words) == 1 and words[0].isdigit() else []
    for word in words:
        rows = rows.filter(lists.by_word(word))
    listed = [*named, *rows.exclude(pk__in=[entry.pk for entry in named])[:MAX_IN_GROUP]][:MAX_IN_GROUP]
    return [
        Hit(f"#{entry.seq} {entry.title}", reverse("entry", args=[entry.workspace_id, entry.pk]), _state(mine, here, entry))
        for entry in listed
    ]


def sessions(mine: dict[str, Workspace], here: Workspace | None, words: Sequence[str]) -> list[Hit]:
    """Sessions at work by the words of their entry or their agent, ended ones by their id or the number of their entry."""
    rows = Session.objects.filter(_scope(mine, here)).select_related("entry")
    for word in words:
        number = word.removeprefix("#")
        by_number = Q(entry__seq=int(number)) if number.isascii() and number.isdigit() and len(number) < 16 else Q(pk__in=[])
        by_id = Q(pk=word) if ids.is_id(word) else Q(pk__in=[])
        at_work = Q(status__in=Session.OPEN)
        rows = rows.filter(by_id | by_number | at_work & (Q(entry__content__icontains=word) | Q(agent__icontains=word)))
    if not words:
        rows = rows.filter(status__in=Session.OPEN)
    return [
        Hit(
            f"Session on #{session.entry.seq} {session.entry.title}",
            reverse("session", args=[session.workspace_id, session.pk]),
            _place(mine, here, session.workspace_id, labels.badge(queries.shown_status(session))[2]),
            "worker",
        )
        for session in rows.order_by("-claimed_at")[:MAX_IN_GROUP]
    ]


def files(mine: dict[str, Workspace], here: Workspace | None, words: Sequence[str]) -> list[Hit]:
    """Files that entries name: each leads to its entries."""
    if here is None or not any(len(word) >= MIN_LETTERS and not word.startswith("#") for word in words):
        return []
    rows = Entry.objects.filter(workspace=here, deleted_at__isnull=True).annotate(listed=Cast("paths", TextField()))
    for word in words:
        rows = rows.filter(listed__icontains=word)
    named = [path for paths in rows.order_by("-seq").values_list("paths", flat=True)[: MAX_IN_GROUP * 10] for path in paths]
    lowered = [word.lower() for word in words]
    matching = [path for path in dict.fromkeys(named) if all(word in path.lower() for word in lowered)]
    entries_page = reverse("entries", args=[here.pk])
    return [Hit(path, f"{entries_page}?q={quote(f'file:{_quoted(path)}')}", "Its entries") for path in matching[:MAX_IN_GROUP]]


def _worth_reading(words: Sequence[str]) -> bool:
    """A single letter is in nearly every entry; a number is an entry's."""
    return any(len(word) >= MIN_LETTERS or word.isdigit() for word in words)


def _scope(mine: dict[str, Workspace], here: Workspace | None) -> Q:
    return Q(workspace=here) if here else Q(workspace__in=mine)


def _state(mine: dict[str, Workspace], here: Workspace | None, entry: Entry) -> str:
    return _place(mine, here, entry.workspace_id, labels.badge(entry.status)[2])


def _place(mine: dict[str, Workspace], here: Workspace | None, workspace_id: str, words: str) -> str:
    return words if here else f"{words} · {mine[workspace_id].name}"


def _quoted(path: str) -> str:
    return f'"{path}"' if " " in path else path
