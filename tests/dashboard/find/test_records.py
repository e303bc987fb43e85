"""The search has entries, sessions and files by their words or number, of this workspace alone, in a fixed order."""

import pytest
from django.utils.timezone import now

from dashboard.find import hits, records
from dashboard.find.hits import Hit
from orchestration.models import Entry, Session
from tests.factories import a_session, a_workspace, an_entry, ended
from workspaces.models import Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.shop(max_workers=8)]


@pytest.fixture
def other(shop: Workspace) -> Workspace:
    return a_workspace(name="Other")


def mine(*workspaces: Workspace) -> dict[str, Workspace]:
    return {workspace.pk: workspace for workspace in workspaces}


def entries_of(shop: Workspace, *words: str, here: bool = True) -> list[str]:
    return [hit.title for hit in records.entries(mine(shop), shop if here else None, words)]


def test_entries_have_every_word_and_the_newest_comes_first(shop: Workspace, other: Workspace) -> None:
    for content in ("Parse dates", "Print dates", "Parse names"):
        an_entry(shop, content=content)
    an_entry(other, content="Parse dates")
    assert entries_of(shop, "parse") == ["#3 Parse names", "#1 Parse dates"]
    assert entries_of(shop, "parse", "dates") == entries_of(shop, "parse", "dates", here=False) == ["#1 Parse dates"]
    assert entries_of(shop) == entries_of(shop, "p") == []
    Entry.objects.filter(workspace=shop, seq=1).update(deleted_at=now())
    assert entries_of(shop, "dates") == ["#2 Print dates"]


def test_the_entry_with_the_number_comes_first_and_a_group_has_a_bound(shop: Workspace) -> None:
    for n in range(9):
        an_entry(shop, content=f"Step {n} of 2")
    titles = entries_of(shop, "2")
    assert titles[0].startswith("#2 ") and titles[1].startswith("#9 ") and len(titles) == hits.MAX_IN_GROUP
    assert len(set(titles)) == len(titles) and len(entries_of(shop, "step")) == hits.MAX_IN_GROUP


def sessions_of(shop: Workspace, *words: str) -> list[str]:
    return [hit.url.rstrip("/").rpartition("/")[2] for hit in records.sessions(mine(shop), shop, words)]


def test_sessions_at_work_are_there_by_words_and_ended_ones_by_number_or_id(shop: Workspace, other: Workspace) -> None:
    over, first, second = (a_session(an_entry(shop, content=text)) for text in ("Parse it", "Parse all", "Print"))
    ended(over)
    a_session(an_entry(other, content="Parse there"))
    Session.objects.filter(pk=second.pk).update(agent="codex")
    assert sessions_of(shop) == [second.pk, first.pk]
    assert sessions_of(shop, "parse") == [first.pk] and sessions_of(shop, "CODEX") == [second.pk]
    assert sessions_of(shop, f"#{over.entry.seq}") == sessions_of(shop, over.pk) == [over.pk]
    assert sessions_of(shop, "parse", "print") == []


def files_of(shop: Workspace, *words: str) -> list[str]:
    return [hit.title for hit in records.files(mine(shop), shop, words)]


def test_files_are_those_that_have_every_word(shop: Workspace, other: Workspace) -> None:
    an_entry(shop, files=["src/pay/card.py", "docs/pay.md"])
    an_entry(shop, files=["src/pay/bill.py", "docs/pay.md"])
    an_entry(other, files=["src/pay/theirs.py"])
    assert files_of(shop, "pay") == ["docs/pay.md", "src/pay/bill.py", "src/pay/card.py"]
    assert files_of(shop, "PAY", "card") == ["src/pay/card.py"]
    assert files_of(shop) == files_of(shop, "#pay") == files_of(shop, "y") == []
    assert records.files(mine(shop), None, ["pay"]) == []
    Entry.objects.filter(workspace=shop, seq=2).update(deleted_at=now())
    assert files_of(shop, "bill") == []
    an_entry(shop, files=[f"out/{n}.o" for n in range(9)])
    assert len(files_of(shop, "out")) == hits.MAX_IN_GROUP


def test_a_hit_has_every_word_and_what_begins_with_the_first_comes_first() -> None:
    listed = [Hit("Reopen landing", "1"), Hit("Page", "2", also="landing"), Hit("Landing", "3"), Hit("Other", "4")]
    assert [hit.url for hit in hits.pick(listed, ["land"])] == ["3", "1", "2"]
    assert [hit.url for hit in hits.pick(listed, ["LANDING", "open"])] == ["1"]
    assert hits.pick([Hit("x", "1", detail="y")], ["y"]) and len(hits.pick([Hit("x", "1")] * 9, [])) == hits.MAX_IN_GROUP


def test_what_was_typed_is_bounded() -> None:
    assert hits.words_of("a\0b  c") == ("a", "b", "c")
    assert len(hits.words_of("w " * 50)) == hits.MAX_WORDS and len(hits.words_of("x" * 500)[0]) == hits.MAX_LENGTH
