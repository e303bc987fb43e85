"""Comments on lines of work: where they may be, what they quote, and who takes them back."""

from pathlib import Path

import pytest

from orchestration.approval import comments, reads
from orchestration.configuration import secrets
from orchestration.models import Entry, Landing, ReviewComment
from tests.factories import ANA, a_workspace, an_entry
from tests.orchestration.approval.asked import asked, entry_of
from tests.orchestration.approval.test_deciding import AGENT
from tests.orchestration.git.repositories import a_repository, git, write
from workspaces.errors import Conflict, Forbidden, Invalid, NotFound

pytestmark = pytest.mark.django_db
OLD, NEW = ReviewComment.Side.OLD, ReviewComment.Side.NEW


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    """Work that makes the two lines of `one` three, and moves `two`."""
    repo = a_repository(tmp_path / "repo", one="first\nsecond\n", two="2\n")
    tip = git(repo, "rev-parse", "main")
    git(repo, "checkout", "--quiet", "-b", "work")
    write(repo / "one", f"key sk-very-secret\n{'long ' * 100}\nthird")
    git(repo, "mv", "two", "three")
    git(repo, "commit", "--quiet", "-am", "work")
    return asked(a_workspace(repo=str(repo)), git(repo, "rev-parse", "work"), tip=tip)


def add(landing: Landing, text: str = "Why?", **place: object) -> ReviewComment:
    return comments.add(entry_of(landing), landing.commit, text, by=ANA, **place)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "line", "side", "quote"),
    [
        ("one", 3, NEW, "third"),
        ("one", 2, OLD, "second"),
        ("one", None, OLD, ""),
        ("two", 1, OLD, "2"),
        ("three", 1, NEW, "2"),
        ("one", 2, NEW, ("long " * 100)[:300]),
    ],
)
def test_a_comment_quotes_its_line(landing: Landing, path: str, line: int | None, side: ReviewComment.Side, quote: str) -> None:
    comment = add(landing, "  Why?\n", path=path, line=line, side=side)
    comment.refresh_from_db()
    assert (comment.path, comment.line, comment.side, comment.quote) == (path, line, side, quote)
    assert (comment.text, comment.by, comment.commit, comment.sent_at) == ("Why?", "ana", landing.commit, None)


@pytest.mark.parametrize(
    ("path", "line", "side", "why"),
    [
        ("one", 4, NEW, "has 3 lines after"),
        ("one", 3, OLD, "has 2 lines before"),
        ("three", 1, OLD, "has 0 lines before"),
        ("two", 1, NEW, "has 0 lines after"),
        ("README", None, NEW, "not a file that this work changes"),
    ],
)
def test_a_line_that_the_work_does_not_have_takes_none(
    landing: Landing, path: str, line: int | None, side: ReviewComment.Side, why: str
) -> None:
    with pytest.raises(Invalid, match=why):
        add(landing, path=path, line=line, side=side)
    assert not ReviewComment.objects.exists()


def test_a_quote_has_no_secrets(landing: Landing) -> None:
    secrets.put(landing.workspace_id, "API_KEY", "sk-very-secret", by=ANA)
    assert add(landing, path="one", line=1).quote == "key [secret API_KEY]"


def test_a_commit_takes_a_number_of_comments(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comments, "MAX_COMMENTS", 2)
    others = {"text": "x", "by": "bob"}
    ReviewComment.objects.create(entry=landing.entry, commit="d" * 40, **others)
    ReviewComment.objects.create(entry=an_entry(landing.workspace), commit=landing.commit, **others)
    add(landing, "1"), add(landing, "2")
    with pytest.raises(Invalid, match="There are 2 comments"):
        add(landing, "3")


def test_a_comment_is_taken_back_where_it_was_written_until_an_agent_has_it(landing: Landing) -> None:
    entry, other = entry_of(landing), an_entry(landing.workspace)
    first, second = add(landing), add(landing)
    for where, id_ in ((other, first.pk), (entry, second.pk + 1), (entry, 2**63)):
        with pytest.raises(NotFound):
            comments.remove(where, id_, by=ANA)
    with pytest.raises(Forbidden):
        comments.remove(entry, first.pk, by=AGENT)
    ReviewComment.objects.filter(pk=first.pk).update(sent_at=first.at)
    with pytest.raises(Conflict, match="it stays"):
        comments.remove(entry, first.pk, by=ANA)
    comments.remove(entry, second.pk, by=ANA)
    assert list(ReviewComment.objects.all()) == [first]


def test_an_agent_comments_on_no_work(landing: Landing) -> None:
    with pytest.raises(Forbidden):
        comments.add(entry_of(landing), landing.commit, "Fine", by=AGENT)


def test_work_is_compared_with_where_it_left_the_branch_or_where_its_round_began(landing: Landing) -> None:
    repo, tip = Path(landing.workspace.repo), landing.tried_tip
    landing.round.base_commit = "b" * 40  # type: ignore[union-attr]
    assert reads.base_of(repo, landing) == tip
    for unknown in ("", "1" * 40):
        landing.tried_tip = unknown
        assert reads.base_of(repo, landing) == "b" * 40
    landing.round = None
    assert reads.base_of(repo, landing) == ""


def test_work_that_is_not_on_this_host_takes_no_comment_on_a_file(landing: Landing) -> None:
    Landing.objects.filter(pk=landing.pk).update(commit="1" * 40)
    with pytest.raises(Invalid, match="cannot be read"):
        comments.add(Entry.objects.get(pk=landing.entry_id), "1" * 40, "Why?", by=ANA, path="one")
