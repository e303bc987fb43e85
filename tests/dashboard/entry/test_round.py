"""The page of one round, and what it and all of them changed."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models import F
from django.test import Client

from budget.ledger import booking, unknown
from budget.models import GatewayRequest
from dashboard.entry.tabs.rounds import with_costs
from orchestration.configuration import secrets
from orchestration.models import Entry, Round, Session
from tests.dashboard.overview import test_page
from tests.dashboard.overview.test_page import statements
from tests.dashboard.seeds import entries as seed
from tests.dashboard.seeds import gateway
from tests.dashboard.seeds.rounds import worked_on
from tests.orchestration.git.repositories import git
from workspaces.access import MUSTER
from workspaces.models import Workspace


@pytest.fixture
def entry(workspace: Workspace, tmp_path: Path) -> Entry:
    return worked_on(workspace, tmp_path)


def text_of(client: Client, address: str, **query: str) -> str:
    """Without the marks of single words."""
    return test_page.text_of(client, address, **query).replace("<mark>", "").replace("</mark>", "")


def at(target: Entry, tail: str) -> str:
    return f"/w/{target.workspace_id}/backlog/{target.pk}/{tail}"


def test_a_round_shows_cost_checks_and_diff(ana: Client, entry: Entry) -> None:
    seen = text_of(ana, at(entry, "rounds/1/"))
    for fact in ("Score 0.40", "$0.31", "most expensive", "Attempt 1", ">log", "expected 7500", "Rewrote the parser"):
        assert fact in seen, fact
    assert "app/duration.py" in seen and "Minutes too." in seen and "<ins>+" in seen


def test_rounds_and_sessions_name_the_agent_that_worked(ana: Client, entry: Entry) -> None:
    session = entry.sessions.order_by("attempt").first()
    assert session is not None
    pages = (at(entry, "rounds/1/"), at(entry, ""), f"/w/{entry.workspace_id}/sessions/{session.pk}/")
    assert not any("cheap" in text_of(ana, page) for page in pages)
    entry.sessions.update(agent_name="cheap", agent="gemini", model="flash")
    for page, words in zip(pages, ("Agent</dt><dd>cheap", "of cheap,", "<strong>cheap</strong>"), strict=True):
        assert words in text_of(ana, page), page


def test_a_round_names_its_requests_in_the_gateway(ana: Client, entry: Entry) -> None:
    running = Session.objects.filter(workspace=entry.workspace, status="running").select_related("hold", "entry")
    session = max(running, key=lambda row: row.hold.free if row.hold else 0)
    page = at(session.entry, f"rounds/{session.round_number}/")
    assert "<dt>Requests</dt>" not in text_of(ana, page)
    before = statements(ana, page)
    gateway.one_of_each(session)
    sent = GatewayRequest.objects.filter(session_ref=session.pk, state="settled").earliest("pk")
    GatewayRequest.objects.filter(pk=sent.pk).update(sent_at=sent.created_at + timedelta(seconds=75))
    seen = text_of(ana, page)
    assert f'<a href="/w/{session.workspace_id}/sessions/{session.pk}/?tab=requests">8</a>' in seen
    assert "waited 1m 15s in the gateway" in seen and "$0.15 not known" in seen
    assert statements(ana, page) == before + 1


def test_what_a_provider_counted_in_the_gateway_is_no_estimate(entry: Entry) -> None:
    session = max(
        Session.objects.filter(workspace=entry.workspace, status="running").select_related("hold", "entry"),
        key=lambda row: row.hold.free if row.hold else 0,
    )
    gateway.one_of_each(session)
    assert not with_costs(session.entry).get(number=session.round_number).estimated  # type: ignore[attr-defined]
    assert session.hold is not None
    booking.settle(session.hold.pk)
    GatewayRequest.objects.filter(hold=session.hold, state="unknown").update(seen=F("bound"))
    unknown.settle_all(session.workspace_id, by=MUSTER, reason="a day is over")
    assert with_costs(session.entry).get(number=session.round_number).estimated  # type: ignore[attr-defined]


def test_rounds_lead_to_each_other(ana: Client, entry: Entry) -> None:
    first, second = (text_of(ana, at(entry, f"rounds/{n}/")) for n in (1, 2))
    assert "data-next" in first and "data-previous" not in first
    assert "data-previous" in second and "data-next" not in second


def test_two_rounds_stand_side_by_side_with_the_diff_between_them(ana: Client, entry: Entry) -> None:
    seen = text_of(ana, at(entry, "rounds/2/"), compare="1")
    assert "From round 1 to round 2" in seen and seen.count("Tokens in / out") == 2
    assert "Hours too." in seen and "Ignored" not in seen
    for odd in ("2", "9", "x", "9" * 30):
        assert "Ignored in the address: compare" in text_of(ana, at(entry, "rounds/2/"), compare=odd)


def test_what_an_agent_wrote_is_text(ana: Client, entry: Entry) -> None:
    for tail in ("rounds/2/", "diff/"):
        seen = text_of(ana, at(entry, tail))
        assert "<script>alert" not in seen and "<img src" not in seen and "<b>odd" not in seen
        assert "\u202e" not in seen and "\x1b" not in seen and "⟨U+202E⟩" in seen and "hide text" in seen


def test_one_file_is_asked_for_by_itself(ana: Client, entry: Entry) -> None:
    seen = text_of(ana, at(entry, "rounds/2/"), file="<b>odd␊name")
    assert "Showing one of 2 files" in seen and "Hours too." not in seen and "⟨U+202E⟩" in seen
    assert "not in the diff" in text_of(ana, at(entry, "rounds/2/"), file="../../etc/passwd")
    assert ana.get(at(entry, "rounds/2/"), {"file": "\x00"}).status_code == 200


def test_all_that_an_entry_changed_is_one_diff(ana: Client, entry: Entry, workspace: Workspace) -> None:
    first = Round.objects.get(entry=entry, number=1)
    Round.objects.filter(entry=entry).update(base_commit=first.base_commit)
    seen = text_of(ana, at(entry, "diff/"))
    assert "Hours too." in seen and "Minutes too." not in seen and "from where its own changes begin" in seen
    workspace.refresh_from_db()
    git(Path(workspace.repo), "branch", "muster/integration", first.commit)
    seen = text_of(ana, at(entry, "diff/"))
    assert "Against muster/integration" in seen and "Minutes too." in seen


def test_the_patch_is_a_file_that_applies(ana: Client, entry: Entry, workspace: Workspace, tmp_path: Path) -> None:
    response = ana.get(at(entry, "rounds/1/patch/"))
    assert response["Content-Type"] == "text/plain; charset=utf-8" and response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Disposition"] == f'attachment; filename="entry-{entry.seq}-round-1.patch"'
    (tmp_path / "p").write_bytes(response.content)
    workspace.refresh_from_db()
    first = Round.objects.get(entry=entry, number=1)
    git(Path(workspace.repo), "checkout", "--quiet", first.base_commit)
    git(Path(workspace.repo), "apply", "--check", str(tmp_path / "p"))
    assert ana.get(at(entry, "diff/patch/"))["Content-Disposition"] == f'attachment; filename="entry-{entry.seq}.patch"'


def test_secrets_are_masked_on_the_page_and_in_the_patch(ana: Client, entry: Entry) -> None:
    secrets.put(entry.workspace_id, "WORDS", "Minutes too", by=seed.ANA)
    assert "Minutes too" not in text_of(ana, at(entry, "rounds/1/")) and "[secret WORDS]" in text_of(ana, at(entry, "rounds/1/"))
    assert b"Minutes too" not in ana.get(at(entry, "rounds/1/patch/")).content


def test_a_missing_commit_is_reported_and_the_page_works(ana: Client, entry: Entry) -> None:
    Round.objects.filter(entry=entry, number=1).update(commit="1" * 40)
    seen = text_of(ana, at(entry, "rounds/1/"))
    assert "is no longer in the repository" in seen and "Score 0.40" in seen
    assert ana.get(at(entry, "rounds/1/patch/")).status_code == 404


def test_a_round_without_a_commit_is_reported(ana: Client, workspace: Workspace) -> None:
    target = Entry.objects.get(workspace=workspace, seq=2)
    assert "no commit yet" in text_of(ana, at(target, "rounds/1/"))
    assert "no commit yet" in text_of(ana, at(Entry.objects.get(workspace=workspace, seq=5), "diff/"))


@pytest.mark.parametrize("number", ["9", "0", "9" * 12, "9" * 5000])
def test_a_round_that_there_is_not(ana: Client, entry: Entry, number: str) -> None:
    assert ana.get(at(entry, f"rounds/{number}/")).status_code == 404


@pytest.mark.parametrize("tail", ["rounds/2/", "rounds/2/?compare=1", "diff/"])
def test_a_diff_takes_few_queries(ana: Client, entry: Entry, tail: str) -> None:
    assert statements(ana, at(entry, tail)) <= 14


@pytest.mark.parametrize("fragment", ["facts", "findings", "diff"])
def test_its_parts_fetch_themselves(ana: Client, entry: Entry, fragment: str) -> None:
    seen = text_of(ana, at(entry, "rounds/1/"), fragment=fragment)
    assert f'id="{fragment}"' in seen and "<html" not in seen


def test_the_page_has_no_side_effects(otto: Client, entry: Entry) -> None:
    for tail in ("rounds/1/", "diff/", "rounds/1/patch/"):
        assert otto.post(at(entry, tail)).status_code == 405
