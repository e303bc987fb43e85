"""The search of entries has a language of its own, and a graph shows what waits for what."""

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from dashboard.shared.charts import graph
from orchestration.backlog import entries
from orchestration.backlog.entries import Draft
from orchestration.executor import control
from orchestration.lists import search_language
from orchestration.models import Dependency, Entry, Session
from tests.dashboard.entries.test_list import at, by_seq
from tests.dashboard.overview.test_page import text_of
from tests.dashboard.seeds import entries as seed
from workspaces.models import Workspace


def search(client: Client, workspace: Workspace, **query: str) -> list[int]:
    return [row["entry"].seq for row in client.get(at(workspace), {"sort": "seq"} | query).context["rows"]]


def sentence(client: Client, workspace: Workspace, q: str) -> str:
    return str(client.get(at(workspace), {"q": q}).context["filter_text"])


@pytest.mark.parametrize(
    ("q", "seqs"),
    [
        ('"prices in the"', [2]),
        ("prices order", [2]),
        ("status:running", [2, 4, 6]),
        ("reason:files", [5, 7]),
        ("reason:hold", [10]),
        ("spent:>0.5 status:done", [1]),
        ("reason:deps", []),
        ("no such words", []),
    ],
)
def test_words_and_qualifiers(ana: Client, workspace: Workspace, q: str, seqs: list[int]) -> None:
    assert search(ana, workspace, q=q) == seqs


def test_entries_are_found_by_the_agent_that_they_ask_for_and_by_the_one_that_worked_on_them(
    ana: Client, workspace: Workspace
) -> None:
    Entry.objects.filter(workspace=workspace, seq__in=[10, 12]).update(next_agent="cheap")
    Session.objects.filter(entry__seq=1).update(agent_name="cheap", agent="gemini")
    assert search(ana, workspace, q="asks:cheap") == [10, 12] and 12 not in search(ana, workspace, q="asks:default")
    assert search(ana, workspace, q="agent:cheap") == search(ana, workspace, q="agent:gemini") == [1]
    assert sentence(ana, workspace, "asks:cheap") == "whose next session is for the agent cheap"


def test_the_search_is_shown_as_a_sentence(ana: Client, workspace: Workspace) -> None:
    assert (
        sentence(ana, workspace, 'reason:files spent:>5 "two words"')
        == "waiting for locked files, spent over $5.00, with “two words”"
    )
    context = ana.get(at(workspace), {"q": "score:high budget:<2", "colour": "red", "status": "dancing"}).context
    assert context["filter_text"] == "budget under $2.00" and context["ignored"] == ["colour", "status", "score:high"]


def test_a_reason_that_only_the_executor_knows_is_asked_of_it(ana: Client, workspace: Workspace) -> None:
    control.pause(workspace.pk, by=seed.ANA)
    for seq in (5, 7):
        Entry.objects.filter(workspace=workspace, seq=seq).update(parked_behind=None)
    assert search(ana, workspace, reason="executor_paused") == [5, 7]


@pytest.mark.parametrize(
    "q", ["a\x00b", "spent:>" + "9" * 40, "dep:#" + "9" * 30, "file:" + "é%_\\" * 60, '"', "status:", "'; drop", ":"]
)
@pytest.mark.parametrize("view", ["", "graph"])
def test_odd_searches_are_answered(ana: Client, workspace: Workspace, q: str, view: str) -> None:
    text_of(ana, at(workspace), q=q, view=view, after="x_y", before="9" * 50, sort="-nothing", reason="'; drop", fragment="\x00")


def test_a_path_in_another_script_is_found(ana: Client, workspace: Workspace) -> None:
    entries.add(workspace.pk, [Draft("Umlauts", spec={"files_to_modify": ["app/größe/漢字.py"]})], by=seed.ANA)
    assert search(ana, workspace, q="file:größe/漢") == [13]


@given(st.text(max_size=300))
def test_no_text_breaks_the_language(text: str) -> None:
    search = search_language.parse(text)
    assert search_language.sentence(search) if search.has_criteria else not search.words


@given(st.lists(st.sampled_from(["status:done", "spent:>5", "locked:no", "dep:#3", "word", "score:x", "nope:1"]), max_size=8))
def test_every_piece_is_a_term_a_word_or_named(pieces: list[str]) -> None:
    search = search_language.parse(" ".join(pieces))
    kept = {"status:done", "spent:>5", "locked:no", "dep:#3"} & set(pieces)
    assert len(search.terms) == len(kept) and set(search.ignored) == {"score:x"} & set(pieces)
    assert list(search.words) == [piece for piece in pieces if piece in ("word", "nope:1")]


def test_the_outline_lists_each_entry_once_and_links_repeats(ana: Client, workspace: Workspace) -> None:
    seen = text_of(ana, at(workspace), view="graph", fragment="entries")
    assert seen.count('href="#o8"') == 1 and seen.count('id="o8"') == 1 and seen.count("<ul") == seen.count("</ul>")
    assert "<svg" in seen and "Dependencies of 6 entries" in seen


def test_a_cycle_is_reported(ana: Client, workspace: Workspace) -> None:
    Dependency.objects.create(entry=by_seq(workspace, 1), depends_on=by_seq(workspace, 6))
    assert "in a circle" in text_of(ana, at(workspace), view="graph", fragment="entries")


def test_what_is_needed_but_filtered_away_is_named(ana: Client, workspace: Workspace) -> None:
    assert "(not in this filter)" in text_of(ana, at(workspace), view="graph", q="#12", fragment="entries")


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=40))
def test_whatever_waits_for_whatever_the_outline_has_all_once(pairs: list[tuple[int, int]]) -> None:
    ids = [str(n) for n in range(13)]
    needs: dict[str, list[str]] = {id_: sorted({str(b) for a, b in pairs if str(a) == id_ and a != b}) for id_ in ids}
    lines = graph.outline(ids, needs)
    assert sorted(line.id for line in lines if not line.repeat) == sorted(ids)
    assert sum(line.opens for line in lines) == sum(line.closes for line in lines)
    assert sorted(id_ for column in graph.ranks(ids, needs) for id_ in column) == sorted(ids)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)).filter(lambda pair: pair[0] > pair[1]), max_size=30))
def test_what_is_needed_stands_left_of_what_waits(pairs: list[tuple[int, int]]) -> None:
    ids = [str(n) for n in range(13)]
    needs = {str(a): [str(b) for x, b in pairs if x == a] for a, _ in pairs}
    column = {id_: n for n, some in enumerate(graph.ranks(ids, needs)) for id_ in some}
    assert all(column[str(a)] > column[str(b)] for a, b in pairs)


@pytest.mark.parametrize("number", ["1e-999999", "0.1e-99999999", "1e-13"])
def test_a_short_number_cannot_make_a_long_sentence(number: str) -> None:
    search = search_language.parse(f"score:>{number} spent:<{number} rounds:{number}")
    assert len(search.ignored) == 3 and search_language.sentence(search) == ""
