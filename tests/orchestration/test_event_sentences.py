"""Sentences of events that have numbers, amounts or names: each has its own, and one is not several."""

from typing import Any

import pytest

from orchestration.facts.events import DigestSent
from tests.orchestration.facts.test_events import shown
from workspaces.activity.events import Report, ReportLink

SENTENCES: list[tuple[str, dict[str, Any], str]] = [
    (
        "session.doubted",
        {"booked_usd": 7.5, "reserved_usd": 2},
        "asks whether the session on #1 spent $7.50 where $2.00 was reserved",
    ),
    ("session.spend_false", {"amount_usd": 1.25}, "says that the spend of the session on #1 is not true: $1.25"),
    ("session.anomaly", {"rate": 3.5, "usual": 0.5}, "found unusual spend in the session on #1: $3.50 a minute"),
    ("run.ended", {"role": "plan", "outcome": "out_of_money"}, "out of money"),
    ("proposals.applied", {"applied": 1, "outdated": 0}, "applied 1 proposal of a run"),
    ("proposals.applied", {"applied": 2, "outdated": 3}, "applied 2 proposals of a run; 3 outdated"),
    ("proposals.rejected", {"rejected": 2}, "rejected 2 proposals of a run"),
    ("proposals.reopened", {"reopened": 1}, "reopened 1 proposal of a run"),
    ("proposals.undone", {"undone": 2, "restored": "#4"}, "undid 2 proposals of a run: #4"),
    ("proposals.undone", {"undone": 1, "restored": ""}, "undid 1 proposal of a run"),
    ("integration.moved", {"subject": "Merge main", "commit": "c" * 40}, "moved the integration branch: Merge main"),
    ("integration.accepted", {"commit": "abcdefghijklmnop"}, "accepted abcdefghijkl as the integration branch's tip"),
    ("integration.put_back", {"commit": "abcdefghijklmnop", "kept": "k"}, "put the integration branch back to abcdefghijkl"),
    ("integration.revert", {"commit": "abcdefghijklmnop"}, "requested to revert abcdefghijkl"),
    ("integration.merged", {"branch": "main", "commit": "c"}, "merged the integration branch into main"),
    ("entries.added", {"count": 1, "entries": ["a"]}, "added 1 entry"),
    ("entries.added", {"count": 60, "entries": ["a"], "without_money": 2}, "added 60 entries"),
    (
        "plan.imported",
        {"plan": "spring", "added": 1, "changed": 2, "kept": 3},
        "imported the plan spring: 1 added, 2 changed, 3 kept",
    ),
    ("plan.imported", {"plan": "", "added": 1, "changed": 2, "kept": 3}, "imported a plan: 1 added, 2 changed, 3 kept"),
    ("entry.sent_back", {"commit": "c", "findings": 2}, "sent #1 back with 2 comments"),
    (
        "entry.pull_request_sent_back",
        {"commit": "c", "entry": "e", "url": "", "findings": 1},
        "sent #1 back with 1 finding from its pull request",
    ),
    ("entry.assigned", {"before": "", "after": "ana"}, "assigned #1 from nobody to ana"),
    ("entry.assigned", {"before": "ana", "after": ""}, "assigned #1 from ana to nobody"),
    ("entry.edited", {"fields": ["budget_rounds", "group"]}, "changed the budget rounds, group of #1"),
    ("entry.split", {"count": 1, "children": ["a"]}, "split #1 into 1 entry"),
    ("hold.counted", {"host": "h", "requests": 2}, "booked what h counted for a session: 2 requests more"),
    ("hold.estimated", {"host": "h", "amount_usd": 0.5}, "charged an estimate for a session on h, which is away: $0.50"),
    ("budget.funded", {"changed": 1, "spare_usd": 9}, "gave 1 entry without a budget their share of the plan"),
    ("workspace.configured", {"keys": ["agent", "push"], "changes": []}, "changed the config: agent, push"),
    ("workspace.configured", {"keys": [], "changes": []}, "changed the config: nothing"),
]


@pytest.mark.parametrize(("verb", "data", "sentence"), SENTENCES)
def test_a_sentence_has_the_events_own_figures(verb: str, data: dict[str, Any], sentence: str) -> None:
    text = shown(verb, data)
    assert text == sentence or (verb == "run.ended" and text.endswith(f": {sentence}"))


@pytest.mark.parametrize(
    ("state", "sentence"),
    [("stuck", "left the backlog idle: 3 blocked, 4 waiting"), ("finished", "completed the backlog: nothing left to run")],
)
def test_an_idle_backlog_is_stuck_or_completed(state: str, sentence: str) -> None:
    assert shown("backlog.finished", {"state": state, "done": 1, "failed": 2, "blocked": 3, "pending": 4}) == sentence


def a_digest(**more: Any) -> Report:
    fields: dict[str, Any] = {
        "channel": "Team",
        "frequency": "weekly",
        "since": "s",
        "until": "u",
        "landed_count": 7,
        "landed": ["#1 a", "#2 b"],
        "failed_count": 1,
        "failed": ["#3 c"],
        "waits_count": 3,
        "waits": [{"words": "The cap is reached", "page": "budget"}, {"words": "#4 d", "page": "entry", "object_id": "e4"}],
        "spent_usd": 1.5,
        "total_usd": 20,
        "cap_usd": 100,
        "done_by": "Monday",
    }
    return DigestSent(**{**fields, **more}).report()


def test_a_digest_names_how_many_more_there_are_than_it_lists() -> None:
    assert a_digest() == Report(
        "Weekly digest: 7 landed, 1 failed, 3 wait for you",
        [
            "Landed: #1 a; #2 b; and 5 more.",
            "Failed: #3 c.",
            "Spent $1.50; $20.00 of the cap of $100.00 in all.",
            "At this pace done by Monday.",
            "Waits for a person:",
        ],
        [ReportLink("The cap is reached", "budget", ""), ReportLink("#4 d", "entry", "e4"), ReportLink("1 more", "workspace")],
    )
    assert len(a_digest(waits_count=2).links) == 2
    quiet = a_digest(landed_count=0, landed=[], failed_count=0, failed=[], waits_count=0, waits=[], done_by=None)
    assert quiet.lines == ["Spent $1.50; $20.00 of the cap of $100.00 in all."] and quiet.links == []
