"""A session's row in the list as a reader sees it: each figure and time in its own column, at work and after its end."""

from datetime import timedelta

from django.test import Client
from django.utils.timezone import now

from budget.models import Account, Hold
from orchestration.models import Session
from tests.dashboard.conftest import client_of
from tests.dashboard.page_text import rows
from tests.factories import a_session, a_workspace, an_entry, ended


def test_each_figure_and_time_has_its_column(ana: Client) -> None:
    shop = a_workspace(max_workers=9)
    at_work, over = (a_session(an_entry(shop, content=content)) for content in ("Parse", "Print"))
    for session in (at_work, over):
        Hold.objects.filter(pk=session.hold_id).update(drawn=300_000)
    ended(over)
    Account.objects.update(spent=700_000)
    at = now()
    Session.objects.filter(pk=at_work.pk).update(claimed_at=at - timedelta(hours=5), last_output_at=at - timedelta(hours=2))
    Session.objects.filter(pk=over.pk).update(claimed_at=at - timedelta(minutes=31), ended_at=at - timedelta(minutes=1))
    table = rows(ana, f"/w/{shop.pk}/sessions/", fragment="workers")
    running = next(row for row in table if "#1 Parse" in row)
    assert "| Implementing, round 1: session of #1 | 5h 00m | quiet 2h 00m | $0.30 of $0.70 |" in running, running
    after = next(row for row in table if "#2 Print" in row)
    assert "| Failed round 1 session of #2 | 30m 00s | 1m ago | $0.30 of $0.70 |" in after, after


def test_the_form_takes_back_a_hold_that_was_requested(db: None) -> None:
    shop = a_workspace(max_workers=9)
    session = a_session(an_entry(shop))
    otto = client_of("otto", "operator", shop)
    for by, value, words in (("", "1", "Hold after this round"), ("bea", "0", "Do not hold after this round")):
        Session.objects.filter(pk=session.pk).update(hold_after_by=by)
        page = otto.get(f"/w/{shop.pk}/sessions/{session.pk}/").content.decode()
        form = page.partition(f'action="/w/{shop.pk}/sessions/{session.pk}/hold/"')[2].partition("</form>")[0]
        assert f'name="hold" value="{value}"' in form and words in " ".join(form.split())
