"""The entries that the prompts of a planner and an expander list, and the rounds of the one that is to be split."""

import pytest

from orchestration import configuration
from orchestration.models import Entry, Round, Run, Session
from orchestration.proposals.context import planning_context
from orchestration.proposals.context.planning_context import Known, PlanningContext
from orchestration.worker.runs import expander, planner
from tests.factories import a_session, a_workspace, an_entry, ended


def known(*seqs: int, is_open: bool = True, paths: tuple[str, ...] = ()) -> list[Known]:
    return [Known(f"entry_{seq}", seq, f"Entry {seq}", is_open, paths) for seq in seqs]


def test_the_newest_open_entries_are_listed_and_the_older_ones_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "MAX_LISTED", 2)
    files = tuple(f"{n}.py" for n in range(11))
    entries = [*known(1, 2, 3, 4), *known(5, is_open=False), *known(6, paths=files)]
    listed = ["#4 Entry 4", f"#6 Entry 6 ({', '.join(files[:10])})"]
    assert planner.backlog_lines(PlanningContext(entries=entries)) == [*listed, "and 3 older ones"]
    assert planner.backlog_lines(PlanningContext(entries=entries[3:])) == listed


def test_an_expander_is_shown_the_newest_rounds_in_order_and_the_backlog_without_the_entry(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = a_workspace()
    subject, other = an_entry(shop), an_entry(shop)
    for entry in (subject, other):
        for number in range(3):
            session = a_session(Entry.objects.get(pk=entry.pk))
            Round.objects.filter(session=session).update(summary=f"#{entry.seq} tried {number}")
            ended(session, score=number / 4)
    monkeypatch.setattr(expander, "MAX_ROUNDS", 2)
    monkeypatch.setattr(planning_context, "read", lambda *_: PlanningContext(entries=known(1, 2, 12)))
    run = Session.of_any_role.create(id="run_1", workspace=shop, role="expand", attempt=1)
    question = expander.question(Run.objects.create(session=run, subject=subject), configuration.Config())
    rounds, backlog = (question.prompt.partition(f"## {name}")[2].partition("\n## ")[0] for name in ("Its rounds", "Also on"))
    lines = [line for line in rounds.split("\n") if line.startswith("- ")]
    assert lines == [
        "- Round 2, score 0.25: #1 tried 1; a finding",
        "- Round 3, score 0.50: #1 tried 2; a finding",
    ]
    assert [line for line in backlog.split("\n") if line.startswith("- ")] == ["- #2 Entry 2", "- #12 Entry 12"]
