"""The review of work that waits for approval: its diff, its evidence, comments on lines, and the decision."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orchestration.models import Entry, Landing, ReviewComment, Session
from tests.dashboard.conftest import client_of
from tests.dashboard.overview.test_page import text_of
from tests.orchestration.approval.test_landing import AGENT, waiting
from tests.orchestration.worker.lander.test_chains import a_shop as chain_shop
from tests.orchestration.worker.lander.test_chains import chain, run
from tests.orchestration.worker.sessions.conftest import shop
from tests.orchestration.worker.sessions.shop import Shop, entry_of, rounds_of

__all__ = ["shop"]
Make = Callable[..., Shop]
Waiting = tuple[Shop, Session, Landing]


@pytest.fixture
def work(shop: Make) -> Waiting:
    work = shop(AGENT, verify=[{"name": "ok", "run": "true"}], approve={"mode": "always"})
    return work, *waiting(work)


def address(work: Waiting, tail: str = "") -> str:
    """The address of the review, or of one of its forms."""
    return f"/w/{work[0].workspace.pk}/backlog/{work[1].entry_id}/" + (f"approval/{tail}" if tail else "?tab=review")


def test_the_review_shows_why_what_and_how_it_was_verified(ana: Client, work: Waiting) -> None:
    seen = text_of(ana, address(work))
    for part in ("Everything that lands here is approved first", "alpha", "+1", "Round 1: passed", "all checks pass", "Approve"):
        assert part in seen
    assert "Its merge" in seen and "alpha" in text_of(ana, address(work), show="merge")


def test_its_entry_its_row_and_the_queue_lead_to_the_review(ana: Client, work: Waiting) -> None:
    home = f"/w/{work[0].workspace.pk}"
    for page in (f"{home}/backlog/", f"{home}/backlog/{work[1].entry_id}/?tab=rounds", f"{home}/landing/"):
        html = ana.get(page).content.decode()
        assert f'href="{address(work)}"' in html and "Waiting for approval" in html


def test_the_page_of_an_entry_that_waits_is_its_review_and_the_address_of_before_leads_there(ana: Client, work: Waiting) -> None:
    entry = address(work).partition("?")[0]
    seen = text_of(ana, entry)
    assert 'id="approve"' in seen and 'id="fix"' not in seen
    assert f'href="{entry}" aria-current="page">Review</a>' in seen and 'href="?tab=rounds"' in seen
    answer = ana.get(f"{entry}approval/", {"file": "a b"})
    assert (answer.status_code, answer.url) == (301, f"{entry}?tab=review&file=a+b")


def test_a_person_approves_on_the_page(ana: Client, work: Waiting) -> None:
    shop_, session, landing = work
    answer = ana.post(address(work, "approve/"), {"commit": landing.commit, "next": address(work)}, follow=True)
    assert "is approved: it lands as soon as its turn comes" in answer.content.decode()
    shop_.land()
    assert entry_of(session).status == "done" and "ana approved" in text_of(ana, address(work))


def test_another_commit_is_not_approved_by_a_page_that_is_outdated(ana: Client, work: Waiting) -> None:
    answer = ana.post(address(work, "approve/"), {"commit": "a" * 40, "next": address(work)}, follow=True)
    assert "waits for approval now" in answer.content.decode()
    assert entry_of(work[1]).reason_code == "waiting_for_approval"


def test_comments_on_lines_go_to_the_agent_with_the_work(ana: Client, work: Waiting) -> None:
    _, session, landing = work
    fields = {
        "commit": landing.commit,
        "file": "alpha",
        "line": "1",
        "side": "new",
        "text": "Write a word",
        "next": address(work),
    }
    ana.post(address(work, "comments/"), fields)
    assert ", line 1" in text_of(ana, address(work)) and "Write a word" in text_of(ana, address(work))
    ana.post(address(work, "send-back/"), {"commit": landing.commit, "note": "", "next": address(work)})
    assert rounds_of(session)[0].findings == ["review by ana: alpha, line 1: Write a word\n> 1"]
    assert "sent back" in text_of(ana, address(work))


def test_what_was_sent_back_without_a_line_stays_on_the_page(ana: Client, work: Waiting) -> None:
    assert "No comments yet" in text_of(ana, address(work))
    ana.post(address(work, "comments/"), {"commit": work[2].commit, "file": "alpha", "line": "1", "text": "Write a word"})
    ana.post(address(work, "send-back/"), {"commit": work[2].commit, "note": " Say why ", "next": address(work)})
    seen = text_of(ana, address(work))
    assert "Round 1 · sent back" in seen and "Review by ana: Say why" in seen and "No comments yet" not in seen
    assert seen.count("Write a word") == 1


@pytest.mark.parametrize("text", ["Write alpha\n\nIn one word", "Write alpha\n\n" + "In one word. " * 60])
def test_the_review_shows_the_task_and_folds_a_long_one(ana: Client, work: Waiting, text: str) -> None:
    Entry.objects.filter(pk=work[1].entry_id).update(content=text)
    seen = text_of(ana, address(work))
    assert "In one word" in seen and ('<details id="task"><summary>Write alpha</summary>' in seen) == (len(text) > 600)


def test_a_comment_can_be_removed_until_the_work_is_sent_back(ana: Client, work: Waiting) -> None:
    ana.post(address(work, "comments/"), {"commit": work[2].commit, "text": "Hm"})
    comment = ReviewComment.objects.get()
    ana.post(address(work, f"comments/{comment.pk}/remove/"))
    assert not ReviewComment.objects.exists()


def test_a_viewer_reads_and_decides_nothing(work: Waiting) -> None:
    vera = client_of("vera", "viewer", work[0].workspace)
    seen = vera.get(address(work)).content.decode()
    assert "Your role allows you to read this, but not to decide" in seen and 'id="approve"' not in seen
    for tail in ("approve/", "send-back/", "comments/", "locks/"):
        assert vera.post(address(work, tail), {"commit": work[2].commit}).status_code == 403


def test_where_approvers_are_named_the_page_names_them(shop: Make) -> None:
    work = shop(AGENT, verify=[{"name": "ok", "run": "true"}], approve={"mode": "always", "approvers": ["grace"]})
    session, landing = waiting(work)
    otto = client_of("otto", "operator", work.workspace)
    page = f"/w/{work.workspace.pk}/backlog/{session.entry_id}/"
    assert "grace may approve it or send it back" in " ".join(otto.get(page).content.decode().split())
    assert otto.post(f"{page}approval/approve/", {"commit": landing.commit}).status_code == 403


def test_the_review_takes_few_queries(ana: Client, work: Waiting) -> None:
    ana.get(address(work))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        ana.get(address(work))
    assert len(queries) <= 17, "\n".join(query["sql"][:200] for query in queries)


@pytest.fixture
def unproven(shop: Make) -> Waiting:
    """Right work on a red base of which no failing test passes, and on which nothing builds."""
    work = chain_shop(shop)
    [entry] = chain(work, "a")
    return work, run(work, entry), Landing.objects.get(entry=entry)


def test_unproven_work_is_landed_given_tests_or_sent_back_on_its_page(ana: Client, unproven: Waiting) -> None:
    seen = text_of(ana, address(unproven))
    assert "no failing test passes by it" in seen and all(word in seen for word in ("Land it", "Name tests", "Send back"))
    home = f"/w/{unproven[0].workspace.pk}"
    for page in (f"{home}/", f"{home}/backlog/{unproven[1].entry_id}/?tab=rounds", f"{home}/landing/"):
        assert f'href="{address(unproven)}"' in ana.get(page).content.decode()
    form = {"commit": unproven[2].commit, "tests": "t.last\n", "next": address(unproven)}
    assert "is verified again" in ana.post(address(unproven, "tests/"), form, follow=True).content.decode()
    assert (entry_of(unproven[1]).spec["tests"], entry_of(unproven[1]).next_work) == (["t.last"], "verify")


def test_unproven_work_lands_once_a_person_decides_it(ana: Client, unproven: Waiting) -> None:
    ana.post(address(unproven, "approve/"), {"commit": unproven[2].commit, "next": address(unproven)}, follow=True)
    unproven[0].land()
    assert entry_of(unproven[1]).status == "done"
