"""A secret of the workspace stays a secret: it is not merged, and nothing that is kept or shown holds its value."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from django.test import Client

from orchestration import sessions
from orchestration.configuration import secrets
from orchestration.models import LogChunk, Round, Session
from tests.contract.api import Api
from tests.dashboard.seeds import entries as seed
from tests.factories import ANA, a_token
from tests.orchestration.repeating import leaks
from tests.orchestration.worker.sessions.shop import Shop, entry_of, gives, reports, rounds_of
from workspaces.models import Event

VALUE = "sk-very-secret-41"
Make = Callable[..., Shop]


def with_secret(work: Shop) -> Shop:
    secrets.put(work.workspace.pk, "API_KEY", VALUE, by=ANA)
    return work


@pytest.mark.parametrize(
    "agent",
    [
        "echo key=$API_KEY > ok",
        "echo $API_KEY > key; git add -A; git commit -qm one; git rm -q key; git commit -qm two; touch ok",
        'touch ok; git add -A; git commit -qm "uses $API_KEY"',
    ],
    ids=["in a file", "committed and removed", "in a commit's message"],
)
def test_work_that_holds_a_secret_is_not_merged_and_the_finding_names_it_without_its_value(shop: Make, agent: str) -> None:
    work = with_secret(shop(agent))
    session = work.run()
    assert (session.outcome, entry_of(session).status, work.merged("ok")) == ("failed", "pending", None)
    assert rounds_of(session)[0].findings == [
        "secret_leaked: the work or its history contains the secret API_KEY: take it out of both"
    ]
    assert_kept_nowhere(session)


def test_a_reverification_does_not_merge_a_secret_either(shop: Make) -> None:
    work = with_secret(shop("echo key=$API_KEY > ok"))
    first = work.run()
    entry = entry_of(first)
    entry.next_work = "verify"
    entry.save(update_fields=["next_work"])
    second = work.run(entry)
    assert (second.work, second.outcome, work.merged("ok")) == ("verify", "failed", None)
    assert rounds_of(second)[1].findings == ["secret_leaked: the work contains the secret API_KEY"]


SPLIT = "printf 'begin sk-very-'; sleep 0.3; printf 'secret-41 end\\n'"  # the shim reads it in two pieces


def test_output_is_kept_with_its_secrets_masked_wherever_it_is_read(shop: Make) -> None:
    lines = [
        "echo plain $API_KEY",
        "echo error: $API_KEY >&2",
        'echo "{\\"type\\": \\"other\\", \\"key\\": \\"$API_KEY\\"}"',
        SPLIT,
        "touch ok",
    ]
    check = {"name": "check", "run": "printf 'checking sk-very-'; echo secret-41; test -f ok"}
    work = with_secret(shop("; ".join(lines), verify=[check]))
    session = work.run()
    kept = [
        text
        for chunk in LogChunk.objects.filter(session=session).order_by("first_seq")
        for _, stream, text in chunk.lines
        if stream != "muster"
    ]
    assert sorted(set(kept)) == sorted([
        "plain [secret API_KEY]", "error: [secret API_KEY]", '{"type": "other", "key": "[secret API_KEY]"}',
        "begin [secret API_KEY] end", "checking [secret API_KEY]",
    ])  # fmt: skip
    assert rounds_of(session)[0].checks[0]["tail"] == "checking [secret API_KEY]\n"
    assert_kept_nowhere(session)


EVENTS = {
    "progress": reports(type="text", text=f"using {VALUE} now"),
    "waiting": reports(type="waiting", message=f"{VALUE} is busy") + "; exec sleep 600",
    "failure": reports(type="failure", code="auth", message=f"{VALUE} was refused"),
    "result": reports(type="result", ok=False, summary=f"{VALUE} does not work"),
    "summary": reports(type="result", ok=True, summary=f"used {VALUE}"),
}


@pytest.mark.parametrize("event", EVENTS)
def test_what_an_agent_reports_is_kept_with_its_secrets_masked(shop: Make, event: str) -> None:
    work = with_secret(shop({"command": f"{EVENTS[event]}; touch ok", "provider_patience_s": 1}))
    session = work.run()
    kept = {"progress": session.progress, "summary": Round.objects.get(session=session).summary if event == "summary" else ""}
    assert "[secret API_KEY]" in kept.get(event, session.outcome_message)
    assert_kept_nowhere(session)


def test_a_session_that_waits_for_its_provider_shows_the_reason_masked(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    wait = sessions.wait

    def spy(session: Session, what: str, until: datetime | None) -> None:
        wait(session, what, until)
        shown.append(Session.objects.get(pk=session.pk).waiting_for)

    monkeypatch.setattr(sessions, "wait", spy)
    with_secret(shop(f"{reports(type='waiting', message=f'{VALUE} is busy')}; touch ok")).run()
    assert shown == ["[secret API_KEY] is busy", ""]


def test_the_last_words_of_an_agent_that_fails_are_masked_where_people_read_them(shop: Make) -> None:
    session = with_secret(shop("echo refused: $API_KEY; exit 3")).run()
    assert session.outcome_message == "The agent exited with 3. Its last words: refused: [secret API_KEY]"
    assert_kept_nowhere(session)


def test_an_agent_sees_the_workspaces_secrets_and_none_of_the_servers(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSTER_SECRET_KEY", "of-the-server")
    monkeypatch.setenv("DATABASE_URL", "postgresql://of-the-server")
    work = with_secret(shop('env | grep -c of-the-server > seen; test "$API_KEY" = sk-very-secret-41 && touch ok'))
    assert work.run().outcome == "passed"
    assert work.merged("seen") == "0\n"


def assert_kept_nowhere(session: Session) -> None:
    """Neither in a table, nor in the API, on a page, or in what notices are made of."""
    for model in (Session, Round, LogChunk, Event):
        rows = json.dumps(list(model.objects.values()), default=str)
        assert VALUE not in rows, model.__name__
    api = Api(session.workspace, a_token(session.workspace))
    for path in (
        f"/executor/sessions/{session.pk}/log",
        f"/executor/sessions/{session.pk}",
        f"/todo/entries/{session.entry_id}/rounds",
    ):
        assert VALUE not in api.get(path).text, path
    client = Client()
    client.force_login(seed.user("ana"))
    for path in (f"sessions/{session.pk}/", f"sessions/{session.pk}/log/", f"backlog/{session.entry_id}/", "settings/activity/"):
        page = client.get(f"/w/{session.workspace_id}/{path}")
        assert (page.status_code, VALUE in page.content.decode()) == (200, False), path


def test_the_sessions_own_token_is_in_no_text_that_its_agent_or_its_reviewer_printed(shop: Make, tmp_path: Path) -> None:
    notes = [tmp_path / name for name in ("agent", "reviewer")]
    agent, reviewer = (
        f'env; env >&2; echo "me:$MUSTER_TOKEN" | base64 -w0; echo "at $MUSTER_TOKEN"; echo "$MUSTER_TOKEN" > {note}; '
        for note in notes
    )
    work = shop(f"{agent} touch ok", interceptor={"agent": {"command": reviewer + gives("PASS")}})
    with leaks.logged() as written:
        session = work.run()
    assert session.outcome == "passed"
    for note in notes:
        token = note.read_text().strip()
        assert token.startswith("muster_"), note.name
        assert (leaks.columns_with(token.removeprefix("muster_")), leaks.in_log(token, written)) == ([], []), note.name
    assert "MUSTER_TOKEN=[secret token]" in str([chunk.lines for chunk in LogChunk.objects.filter(session=session)])


def test_work_that_has_the_sessions_own_token_is_not_merged(shop: Make) -> None:
    session = shop("echo $MUSTER_TOKEN > ok").run()
    assert rounds_of(session)[0].findings == [
        "secret_leaked: the work or its history contains the secret MUSTER_TOKEN: take it out of both"
    ]
