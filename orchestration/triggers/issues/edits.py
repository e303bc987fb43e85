"""An issue that was edited after its entry was added. The difference is shown, and a person takes it over: strangers may edit their issues, but steer no
agent."""

import re

from django.db import transaction

from orchestration.backlog import content, entry_state
from orchestration.forges.shared.issues import Issue
from orchestration.messaging import wake_ups
from orchestration.models import Entry, IssueEntry
from orchestration.triggers import quoting
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid


def note(workspace_id: str, issue_id: str, issue: Issue) -> None:
    """Keep the issue's new text beside its open entry. `issue_id`: with the forge, as in the table."""
    rows = IssueEntry.objects.filter(workspace_id=workspace_id, issue=issue_id, is_open=True).exclude(text="")
    row = rows.first()
    if row is None:
        return
    text = text_of(issue)
    edited = "" if text == row.text else text
    if edited != row.edited_text and rows.filter(pk=row.pk).update(edited_text=edited):
        wake_ups.publish_change(workspace_id, "entries")


def text_of(issue: Issue) -> str:
    return quoting.of_issue(number=issue.number, title=issue.title, body=issue.body, by=issue.by, url=issue.url)


def changes(row: IssueEntry) -> list[tuple[str, str]]:
    """The lines that were there and those that are there now, change by change."""
    import difflib  # which no other page needs

    before, after = (text.splitlines() for text in (row.text, row.edited_text))
    steps = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return [("\n".join(before[a:b]), "\n".join(after[c:d])) for tag, a, b, c, d in steps if tag != "equal"]


def decide(entry: Entry, *, seen: str, takes: bool, by: Caller) -> Entry:
    """Put the issue's new text in the place of the one before, or leave the entry as it is. `seen`: the version that the person read. Raises Conflict if the
    issue has another text by now, and Invalid where the entry is at work or has no quotation any more."""
    with transaction.atomic():
        entry_state.lock(entry)
        row = IssueEntry.objects.filter(pk=entry.pk).exclude(edited_text="").first()
        if row is None or version(row) != seen:
            raise Conflict("The issue was edited again, or someone has decided: look at the difference again")
        if takes:
            before = Entry.objects.get(pk=entry.pk).content
            after = quotation(row.number).sub(lambda _: row.edited_text, before, count=1)
            if not quotation(row.number).search(before):
                raise Invalid("The entry has no quotation of the issue any more: edit it yourself", "content")
            content.edit(entry, content.Change(content=after), by=by, reason=f"Issue #{row.number} was edited")
        row.text, row.edited_text = row.edited_text, ""
        row.save(update_fields=["text", "edited_text"])
    wake_ups.publish_change(entry.workspace_id, "entries")
    return entry


def version(row: IssueEntry) -> str:
    """A hash of the new text."""
    return content.hashes({"text": row.edited_text})["text"]


def quotation(number: int) -> re.Pattern[str]:
    """The part of an entry that quotes the issue: its heading, the note, and all quoted lines."""
    return re.compile(rf"## Issue #{number}\n\n{re.escape(quoting.NOTE)}\n\n>.*(?:\n>.*)*")
