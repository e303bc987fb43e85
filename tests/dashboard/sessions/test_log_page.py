"""The log of a session as a page, and as what its script asks for."""

import re
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils.timezone import now

from orchestration.models import LogChunk, Session
from tests.dashboard.overview.test_page import statements, text_of
from tests.dashboard.seeds import entries as seed
from workspaces.models import Workspace

CSS = Path(__file__).resolve().parents[3] / "static/css"


@pytest.fixture
def session(workspace: Workspace) -> Session:
    LogChunk.objects.filter(session__workspace=workspace).delete()
    running = Session.objects.filter(workspace=workspace, status="running").order_by("entry__seq").first()
    assert running is not None
    return running


@pytest.fixture
def log(session: Session) -> str:
    return f"/w/{session.workspace_id}/sessions/{session.pk}/log/"


def write(session: Session, lines: int, *, each: int = 100, first: int = 1, text: str = "line") -> None:
    LogChunk.objects.bulk_create(
        LogChunk(
            session=session,
            first_seq=start,
            lines=[[1_764_000_000_000 + seq * 10, "stdout", f"{text} {seq} of the output"] for seq in range(start, start + each)],
            size=each * 24,
        )
        for start in range(first, first + lines, each)
    )


def numbers(seen: str) -> list[int]:
    return [int(number) for number in re.findall(r'id="L(\d+)"', seen)]


def test_the_page_shows_the_last_thousand_and_leads_to_those_before(ana: Client, session: Session, log: str) -> None:
    write(session, 3000)
    seen = text_of(ana, log)
    assert numbers(seen) == list(range(2001, 3001)) and f'href="{log}?before=2001"' in seen
    earlier = text_of(ana, log, before="2001")
    assert numbers(earlier) == list(range(1001, 2001)) and f'href="{log}?after=2000"' in earlier
    assert numbers(text_of(ana, log, before="1001"))[0] == 1
    assert 'id="log-earlier" hidden' in text_of(ana, log, before="1001")


def test_the_script_gets_what_follows_and_whether_there_is_more(ana: Client, session: Session, log: str) -> None:
    write(session, 3000)
    seen = text_of(ana, log, fragment="log", after="1500")
    assert numbers(seen) == list(range(1501, 2501)) and 'data-last="2500"' in seen
    assert 'data-later="1"' in seen and 'data-newest="3000"' in seen and "<html" not in seen
    end = text_of(ana, log, fragment="log", after="2990")
    assert numbers(end) == list(range(2991, 3001)) and 'data-later=""' in end
    nothing = text_of(ana, log, fragment="log", after="3000")
    assert numbers(nothing) == [] and 'data-last="3000"' in nothing
    counted = text_of(ana, log, fragment="log", after="1500", count="1")
    assert numbers(counted) == [] and 'data-newest="3000"' in counted


def test_any_line_has_an_address(ana: Client, session: Session, log: str) -> None:
    write(session, 5000)
    assert 1204 in numbers(text_of(ana, log, at="1204"))
    seen = text_of(ana, log, fragment="log", at="1204")
    assert numbers(seen) == list(range(704, 1704))


def test_words_are_found_in_the_whole_log_and_walked_through_without_script(ana: Client, session: Session, log: str) -> None:
    write(session, 5000)
    write(session, 3, each=1, first=5001, text="NEEDLE &")
    seen = text_of(ana, log, q="needle &")
    assert "1 of 3" in seen and "<mark>NEEDLE &amp;</mark>" in seen and 5001 in numbers(seen)
    assert "?q=needle+%26&amp;at=5002#L5002" in seen
    later = text_of(ana, log, q="needle &", at="5002")
    assert "2 of 3" in later and "at=5001" in later and "at=5003" in later
    assert "no match" in text_of(ana, log, q="nothing like it")
    assert 'data-hits="5001,5002,5003"' in text_of(ana, log, fragment="hits", q="Needle")


def test_a_filter_shows_errors_alone(ana: Client, session: Session, log: str) -> None:
    write(session, 2000)
    LogChunk.objects.create(session=session, first_seq=2001, lines=[[0, "stdout", "E   assert 1 == 2"]], size=20)
    write(session, 100, first=2002)
    seen = text_of(ana, log, level="error")
    assert numbers(seen) == [2001] and 'data-last="2101"' in seen
    assert "No matching lines yet" in text_of(ana, log, level="stderr")
    assert numbers(text_of(ana, log, fragment="log", level="error", after="1990")) == [2001]


def test_the_first_error_is_pinned_above(ana: Client, session: Session, log: str) -> None:
    write(session, 3000)
    assert 'id="log-error" hidden' in text_of(ana, log)
    Session.objects.filter(pk=session.pk).update(first_error=7)
    seen = text_of(ana, log)
    assert "line 7 of the output</code>" in seen and 'href="?at=7#L7"' in seen and 'data-error="7"' in seen
    Session.objects.filter(pk=session.pk).update(first_error=900_000)  # it was not kept
    assert 'id="log-error" hidden' in text_of(ana, log)


def test_a_long_line_is_cut_and_has_a_page_of_its_own(ana: Client, session: Session, log: str) -> None:
    LogChunk.objects.create(session=session, first_seq=1, lines=[[0, "stdout", "x" * 9000 + "<b>"]], size=9003)
    assert "show all, 7,003 more characters" in text_of(ana, log)
    whole = text_of(ana, log, line="1")
    assert "x" * 9000 + "&lt;b&gt;" in whole and "Back to this line" in whole
    assert "x" * 9000 in text_of(ana, log, fragment="whole", line="1")
    assert ana.get(log, {"line": "2"}).status_code == 404


ODD = [
    {"before": "x"},
    {"after": "-1"},
    {"at": "9" * 40},
    {"line": "0"},
    {"q": "\x00"},
    {"q": "(["},
    {"level": "loud"},
    {"before": "0"},
    {"at": "999999999999999"},
    {"fragment": "hits"},
    {"fragment": "log", "after": "1e9"},
]


def test_odd_addresses_do_no_harm(ana: Client, session: Session, log: str) -> None:
    write(session, 200)
    for query in ODD:
        assert ana.get(log, query).status_code == 200, query


def test_what_is_ignored_is_named(ana: Client, session: Session, log: str) -> None:
    assert "Ignored in the address: level, volume" in text_of(ana, log, level="loud", volume="11")


def test_others_see_nothing_of_it(nils: Client, ana: Client, session: Session, log: str) -> None:
    assert nils.get(log).status_code == 404
    other = seed.empty("Other")
    assert ana.get(f"/w/{other.pk}/sessions/{session.pk}/log/").status_code == 404


def test_a_hundred_thousand_lines_cost_no_more_than_two_thousand(ana: Client, session: Session, log: str) -> None:
    queries: list[dict[str, str]] = [{}, {"fragment": "log", "after": "60"}, {"before": "1500"}, {"at": "1204"}]
    write(session, 2000)
    few = [statements(ana, log, **query) for query in queries]
    write(session, 98_000, first=2001)
    for query, before in zip(queries, few, strict=True):
        assert statements(ana, log, **query) <= before + 1, query
        began = time.process_time()
        assert len(numbers(text_of(ana, log, **query))) <= 1000, query
        assert time.process_time() - began < 2, query


def test_a_hundred_thousand_lines_are_searched_in_portions(ana: Client, session: Session, log: str) -> None:
    write(session, 100_000)
    assert 'data-hits="77777"' in text_of(ana, log, fragment="hits", q="line 77777 ")
    assert statements(ana, log, fragment="hits", q="line 77777 ") <= 12


def test_the_script_learns_of_the_end_of_a_session(ana: Client, workspace: Workspace) -> None:
    ended = Session.objects.filter(workspace=workspace, status="ended").first()
    assert ended is not None
    address = f"/w/{workspace.pk}/sessions/{ended.pk}/log/"
    assert "■ Final: no output" in text_of(ana, address)
    assert 'data-over="1"' in text_of(ana, address, fragment="log")


# Colours: each of the eight, and what else has one in a log, on the log's ground in both themes.


def _tokens() -> list[dict[str, str]]:
    blocks = re.findall(r"\{([^{}]*--sunken[^{}]*)\}", (CSS / "tokens.css").read_text())
    return [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+)", block)) for block in blocks]


def _light(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_colour_of_a_log_is_legible_in_both_themes() -> None:
    names = set(re.findall(r"(?<![-\w])color: var\(--([a-z]+)\)", (CSS / "log.css").read_text()))
    assert {"bad", "good", "warn", "accent", "block", "cyan", "muted", "text"} <= names
    assert len(_tokens()) == 3
    for theme in _tokens():
        for name in names & theme.keys():
            lighter, darker = sorted((_light(theme[name]), _light(theme["sunken"])), reverse=True)
            if name not in ("rule", "control", "sunken"):
                assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (name, theme[name])


def test_a_log_that_is_no_longer_kept_names_the_rule(ana: Client, session: Session, log: str) -> None:
    Session.objects.filter(pk=session.pk).update(
        status="ended", ended_by_version="0.2.0", outcome="failed", ended_at=now() - timedelta(days=91)
    )
    assert "logs are removed 90 days after their session" in " ".join(text_of(ana, log).split())
    Session.objects.filter(pk=session.pk).update(ended_at=now())
    assert "no output" in text_of(ana, log)
