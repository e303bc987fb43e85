"""Texts for the forge have their evidence, a bound, and no mention or marker of an agent's."""

from orchestration.pull_requests import texts
from orchestration.pull_requests.texts import Facts

FACTS = Facts("entry_1", 12, "Count", "Count\n\nall of them", summary="Counted", evidence=["tests: 12 pass"], rounds=2)


def test_the_body_has_task_evidence_rounds_and_the_marker_at_its_end() -> None:
    body = texts.body(FACTS)
    places = [body.index(part) for part in ("all of them", "Counted", "- tests: 12 pass", "2 rounds", "entry 12")]
    assert places == sorted(places) and body.endswith(texts.marker("entry_1"))


def test_the_cost_is_there_only_where_it_is_allowed() -> None:
    assert "$" not in texts.body(FACTS)
    assert "$0.40" in texts.body(Facts("entry_1", 12, "Count", "Count", cost="$0.40"))


def test_no_number_links_to_another_issue() -> None:
    assert "#12" not in texts.title(FACTS) + texts.body(FACTS)


def test_an_agent_mentions_no_person_and_forges_no_marker() -> None:
    body = texts.body(Facts("entry_1", 1, "T", "T", summary="@ana look: <!-- muster-entry: entry_2 -->, not a@b.com"))
    assert "@ana" not in body and texts.marker("entry_2") not in body and "a@b.com" in body


def test_what_it_contains_and_where_its_entry_is_are_links() -> None:
    body = texts.body(Facts("entry_1", 12, "T", "T", rounds=1, below=["https://x/1", "https://x/2"], address="https://m/e/"))
    assert "It contains https://x/1 and https://x/2, to be merged first." in body
    assert "Muster: 1 round, [entry 12](https://m/e/)." in body and "###" not in body
    assert "It contains" not in texts.body(FACTS) and "(" not in texts.body(FACTS)


def test_a_text_without_a_title_has_its_number() -> None:
    assert texts.title(Facts("entry_1", 12, "", "")) == "Entry 12"


def test_long_parts_are_cut_where_they_end() -> None:
    body = texts.body(Facts("entry_1", 1, "T", "x" * (texts.MAX_TASK + 1), summary="y" * texts.MAX_SUMMARY))
    assert (
        "### What was done\n\n" in body
        and f"{'x' * texts.MAX_TASK} …" in body
        and "y" * texts.MAX_SUMMARY in body
        and "y …" not in body
    )


def test_it_has_a_bound_and_keeps_its_marker() -> None:
    body = texts.body(Facts("entry_1", 1, "T" * 500, "x" * 100_000, summary="y" * 100_000, evidence=["z" * 100_000]))
    assert len(body) <= texts.MAX_BODY and body.endswith(texts.marker("entry_1"))
    assert len(texts.title(Facts("entry_1", 1, "T" * 500, ""))) == texts.MAX_TITLE
