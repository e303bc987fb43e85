"""Every address of the site with whatever stands in its query: an answer, never an error of the server's."""

import itertools
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from django.test import Client
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from tests.dashboard.seeds import addresses
from tests.dashboard.seeds import entries as seed
from tests.sampling import examples, sample
from workspaces import people
from workspaces.models import Workspace

NAMES = [
    "q",
    "status",
    "reason",
    "locked",
    "view",
    "sort",
    "after",
    "before",
    "format",
    "next",
    "edit",
    "release",
    "fragment",
    "live",
    "log_after",
    "log_level",
    "log_count",
    "kind",
    "verb",
    "actor",
    "object",
    "from",
    "to",
    "since",
    "until",
    "state",
    "path",
    "entry",
    "phase",
    "ended",
    "session",
    "tab",
    "at",
    "line",
    "level",
    "count",
    "find",
    "clone",
    "repo",
    "category",
    "source",
    "account",
    "row",
    "review",
    "page",
    "day",
    "period",
    "month",
    "year",
    "group",
    "by",
    "wanted",
    "matching",
    "do",
    "range",
    "window",
    "zone",
    "topics",
    "version",
    "seen",
    "key",
    "entry_id",
    "round",
    "order",
    "what",
    "show",
]
HUGE = "9" * 30
NASTY = [
    "", "\x00", "a\x00b", "'\"<x>", "-1", "0", "1", HUGE, f"-{HUGE}", f"{HUGE}_{HUGE}", "1_1", f"{2**63 - 1}_{2**63 - 1}", "-1_0", "--1_1", "1e-999999",
    "1e999999", "NaN", "Infinity", "٣", "²", "²_²", "0001-01-01", "9999-12-31", "2026-02-30", "0000-00-00", "\ud800", "é" * 300, "%", "_", "\\", "a" * 5000,
    "csv", "1", "true", "open", "waiting", "graph", "timeline", "grid", "log", "events", "-spent", "score", "-updated", "header", "../../etc/passwd",
    "//evil.example", "javascript:alert(1)", "a\r\nSet-Cookie: x=1", "#1", "#99999999999999999", "sess_" + "0" * 20, "entry_\x00",
    "dep:999999999999999 file:a/" + "b/" * 150, "spent:>1e-99 score:<=1e9 rounds:999999999 group:\x00 by:% file:../.. file:\\", '"unclosed', "reason:locks",
]  # fmt: skip


@pytest.fixture
def far_away(workspace: Workspace, client: Client) -> Client:
    """Ana, in the westernmost time zone, where the first and last dates overflow."""
    user = seed.user("ana")
    people.save_preferences(user, time_zone="Pacific/Honolulu")
    client.force_login(user)
    return client


def paths(workspace: Workspace) -> Iterator[str]:
    values = addresses.values(workspace)
    for address in addresses.every():
        if address.name not in ("stream", "api-stream", "logout"):
            for verb in address.verbs or ("",):
                yield address.path(values | {"verb": verb})


def answered(client: Client, path: str, query: dict[str, str] | list[tuple[str, str]]) -> None:
    """The test's client raises what the server would answer 500 to. A streamed answer is read to its end."""
    response = client.get(f"{path}?{urlencode(query)}")
    assert response.status_code < 500, (path, query)
    if response.streaming:
        assert b"".join(response)  # type: ignore[arg-type]
    assert "evil.example" not in response.headers.get("Location", "") or response.headers["Location"].startswith("/")


def encoded(value: str) -> str:
    return value.encode("utf-8", "replace").decode()


@pytest.mark.parametrize("part", range(8))
def test_no_value_breaks_any_page_that_gets_it_for_every_parameter(workspace: Workspace, far_away: Client, part: int) -> None:
    for value, path in sample(itertools.product(NASTY[part::8], list(paths(workspace))), 60):
        answered(far_away, path, {name: encoded(value) for name in NAMES if name not in ("fragment", "live")})


@pytest.mark.parametrize("name", ["from", "to", "since", "until", "day", "period", "month"])
def test_the_ends_of_time_are_no_end_of_a_page_in_the_east(workspace: Workspace, far_away: Client, name: str) -> None:
    people.save_preferences(seed.user("ana"), time_zone="Pacific/Auckland")
    tails = ("settings/activity/", "money/ledger/", "money/changes/", "money/reviews/", "sessions/", "money/entries/")
    for tail, value in sample(itertools.product(tails, ("0001-01-01", "9999-12-31", "0001-01", "9999-12")), 8):
        answered(far_away, f"/w/{workspace.pk}/{tail}", {name: value})


some_of_them = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NASTY) | st.text(max_size=40)), max_size=6)


def test_no_query_breaks_a_page(workspace: Workspace, far_away: Client) -> None:
    every = list(paths(workspace))

    @settings(max_examples=examples(500), phases=[Phase.generate, Phase.shrink])
    @example(every[0], [("q", "a"), ("q", "b"), ("fragment", "x"), ("fragment", "header")])
    @example(every[0], [("live", "queue:x,,:,workspaces,header,\x00")])
    @given(st.sampled_from(every), some_of_them)
    def asked(path: str, query: list[tuple[str, str]]) -> None:
        answered(far_away, path, [(name, encoded(value)) for name, value in query])

    asked()
