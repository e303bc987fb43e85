"""The bar of the overview."""

import pytest

from dashboard.overview import progress


def parts(**numbers: int) -> list[progress.Part]:
    return progress.parts(
        dict.fromkeys(("done", "running", "review", "ready", "waiting", "blocked", "failed", "landing", "split"), 0) | numbers,
        "ws_1",
    )


def test_each_entry_is_in_one_part_and_the_parts_fill_the_bar() -> None:
    shown = parts(done=50, running=10, ready=15, waiting=35, failed=5)
    assert [(part.word, part.count) for part in shown] == [
        ("done", "50"), ("in progress", "10"), ("ready", "15"), ("waiting", "20"), ("failed", "5"),
    ]  # fmt: skip
    assert shown[0].x == "0.00" and float(shown[-1].x) + float(shown[-1].width) + 0.2 == 100
    assert shown[0].link == "/w/ws_1/backlog/?status=done"


def test_a_part_of_few_entries_is_seen_and_an_empty_backlog_has_none() -> None:
    assert float(parts(done=9_999, failed=1)[-1].width) == 0.2
    assert parts() == []


@pytest.mark.parametrize(
    ("numbers", "facts", "sentence"),
    [
        ({"waiting": 3}, {}, ""),
        ({"running": 1, "blocked": 3}, {"agent_fails": True}, ""),
        ({"waiting": 3}, {"agent_fails": True}, "the agent cannot start"),
        ({"waiting": 3}, {"agent_fails": True, "unusable": True}, "the repository cannot be used"),
        ({"waiting": 3}, {"is_spent": True}, "the cap is reached"),
        ({"review": 1, "blocked": 2}, {}, ""),
        ({"blocked": 2, "failed": 1}, {}, "What is left needs you"),
    ],
)
def test_the_headline_names_what_halts_all_entries(numbers: dict[str, int], facts: dict[str, bool], sentence: str) -> None:
    tally = dict.fromkeys(("running", "review", "waiting"), 0) | numbers
    headline = progress.halted(tally, **{"agent_fails": False, "unusable": False, "is_spent": False} | facts)
    assert sentence in headline if sentence else headline == ""
