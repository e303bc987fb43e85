"""The seed of the forty acceptance points: five hundred entries, twelve workers of which four are at work, twenty thousand rows of the
ledger, a log of a hundred thousand lines, one of each status, sub-cent costs, an orphaned lock, a locked budget, an open review.

Made in bulk where history is meant, and by the product's own verbs where it is about now.
"""

import itertools
import random
import time
from dataclasses import dataclass
from datetime import timedelta

from django.utils.timezone import now

from budget import amounts
from budget.limits import caps
from budget.models import Account, Category, LedgerEntry
from budget.reviews import drafting
from orchestration import sessions
from orchestration.backlog import entries
from orchestration.executor import control, dispatch
from orchestration.models import Entry, FileLock, LogChunk, Round, Session
from tests.dashboard.seeds import entries as seed
from tests.dashboard.seeds import gateway
from tests.dashboard.seeds import money as seed_money
from tests.factories import CLOSED
from workspaces.models import Workspace

ENTRIES = 500
ROWS = 20_000
LINES = 100_000
REQUESTS = 60
A_CHUNK = 1000


@dataclass(frozen=True)
class Full:
    """The workspace, and what tests look for in it."""

    workspace: Workspace
    long_log: Session
    ended: Session
    orphan: FileLock
    locked: Entry
    dear: Entry
    """The entry with the most expensive round."""


def full() -> Full:
    workspace = seed.empty("Invoices", cap="900", budget="1000", max_workers=6)
    dice = random.Random(11)
    created = _backlog(workspace, dice)
    dear = _history(workspace, created, dice)
    _ledger(workspace, created, dice)
    ended = _past_sessions(workspace, created)
    seed.worker(slots=12)  # only now: who is not heard of for a while is offline
    seed.tick()
    control.start(workspace.pk, by=seed.ANA)
    dispatch.cycle(workspace.pk)
    live = _at_work(workspace)
    _log(live[0])
    gateway.many(live[0], REQUESTS)
    locked = Entry.objects.get(workspace=workspace, seq=200)
    caps.edit(Account.objects.get(pk=locked.pk), amounts.usd("7.5"), by=seed_money.BEA, reason="agreed in review 14")
    orphan = FileLock.objects.create(workspace=workspace, path="old/left.py", entry=created[10])
    today = now().date()
    review = drafting.create(workspace.pk, drafting.Draft("November", today - timedelta(days=9), today), by=seed_money.BEA)
    drafting.request(review, by=seed_money.BEA)
    return Full(workspace, live[0], ended, orphan, locked, dear)


def _backlog(workspace: Workspace, dice: random.Random) -> list[Entry]:
    """Some depend, some share files, titles of all lengths; numbers 1 to 500."""
    words = [
        "parser",
        "invoices",
        "retry",
        "cache",
        "webhook",
        "rounding",
        "currency",
        "export",
        "totals",
        "discount",
        "reminder",
        "ledger",
    ]
    drafts = [
        entries.Draft(
            content=f"{' '.join(dice.sample(words, dice.randint(3, 7))).capitalize()}\n\nMore about number {n}.",
            ref=str(n),
            budget=amounts.usd(dice.choice(["1", "2.5", "4", "0.75"])),
            spec={"files_to_modify": [f"src/{words[n % 12]}_{n % 61}.py"], "acceptance_criteria": ["All tests pass"]},
            depends_on=(str(n - 1),) if n % 7 == 6 else (),
            priority=Entry.Priority(n % 4),
        )
        for n in range(ENTRIES)
    ]
    return entries.add(workspace.pk, drafts, by=seed.ANA)


def _history(workspace: Workspace, backlog: list[Entry], dice: random.Random) -> Entry:
    """The first 150 are done, ten failed, twenty blocked for all kinds of reasons; rounds with scores and costs."""
    done, failed = backlog[:150], backlog[150:160]
    Entry.objects.filter(pk__in=[entry.pk for entry in done]).update(**CLOSED, score=1.0, rounds_completed=2, has_rounds=True)
    Entry.objects.filter(pk__in=[entry.pk for entry in failed]).update(
        status="failed",
        reason_code="rounds_exhausted",
        reason_message="All 5 rounds are used up: raise its rounds to continue",
        reason_at=now() - timedelta(hours=3),
        score=0.4,
        rounds_completed=5,
        has_rounds=True,
    )
    reasons = {
        "human_hold": "Put on hold by ana",
        "no_improvement": "Its score has not risen in 3 rounds",
        "merge_conflict": "It conflicts with what has landed in app/mail.py",
        "budget_exceeded": "Its budget does not pay for another round: raise it to continue",
    }
    for n, entry in enumerate(backlog[160:180]):
        code = list(reasons)[n % 4]
        Entry.objects.filter(pk=entry.pk).update(
            status="blocked",
            reason_code=code,
            reason_message=reasons[code],
            reason_at=now() - timedelta(minutes=7 * n),
        )
    seed.count_unmet(Entry.objects.filter(workspace=workspace))
    return done[25]


def _ledger(workspace: Workspace, backlog: list[Entry], dice: random.Random) -> None:
    """Twenty thousand rows of ten days, some below a cent; one unknown. Rounds and their costs go with those of entries."""
    keys = itertools.count()
    at = now()
    rows: list[LedgerEntry] = []
    for n in range(ROWS):
        of_entry = n % 20 != 0
        entry = backlog[n % 160] if of_entry else None
        category = Category.ENTRY if of_entry else [Category.ORCHESTRATOR, Category.EXPANSION, Category.INTERCEPTOR][n // 20 % 3]
        amount = 320 if n % 97 == 0 else dice.randint(3_000, 38_000)
        if n == 20 * 1201 + 25:
            amount = 9_000_000
        rows.append(
            LedgerEntry(
                project_id=workspace.pk,
                account_id=entry.pk if entry else None,
                event_key=f"full:{next(keys)}",
                at=at - timedelta(minutes=14.4 * (ROWS - n) / 20),
                category=category,
                round=1 + n % 2 if of_entry else None,
                amount=amount,
                reported=amount if n % 3 else None,
                computed=None if n % 3 else amount,
                price_source=LedgerEntry.PriceSource.REPORTED if n % 3 else LedgerEntry.PriceSource.COMPUTED,
                model="priced-model",
                input_tokens=dice.randint(500, 9000),
                output_tokens=dice.randint(50, 900),
                actor="muster",
            )
        )
    LedgerEntry.objects.bulk_create(rows, batch_size=500)


def _past_sessions(workspace: Workspace, backlog: list[Entry]) -> Session:
    """Eight sessions that ended, with their rounds: two for each of the first forty entries."""
    at = now()
    rows = [
        Session(
            pk=f"sess_full{n:016}",
            workspace=workspace,
            entry=backlog[n // 2],
            attempt=1 + n % 2,
            status="ended",
            phase="merging",
            outcome="passed" if n % 2 else "failed",
            outcome_message="Verified and merged" if n % 2 else "tests failed",
            round_number=1 + n % 2,
            agent="command",
            model="priced-model",
            host="build-1",
            claimed_at=at - timedelta(minutes=600 - n),
            started_at=at - timedelta(minutes=600 - n),
            ended_at=at - timedelta(minutes=590 - n),
            last_output_at=at - timedelta(minutes=590 - n),
        )
        for n in range(80)
    ]
    Session.objects.bulk_create(rows)
    Round.objects.bulk_create(
        Round(
            entry=session.entry,
            session=session,
            number=session.round_number,
            verdict="passed" if session.outcome == "passed" else "failed",
            score=1.0 if session.outcome == "passed" else 0.4,
            improvement_score=0.6 if session.outcome == "passed" else 0.4,
            summary="Rewrote it.",
            findings=[] if session.outcome == "passed" else ["tests: expected 7500, got 300"],
            diffstat={"files": 2, "insertions": 61, "deletions": 3},
            started_at=session.started_at,
            ended_at=session.ended_at,
        )
        for session in rows
    )
    return rows[1]


def _at_work(workspace: Workspace) -> list[Session]:
    """Four at work; two more were claimed and wait for their worker."""
    claimed = list(Session.objects.filter(workspace=workspace, status=Session.Status.CLAIMED).order_by("id"))
    live = [seed.run(session, cost=["0.74", "0.0032", "0.9", "0.31"][n % 4], score=None) for n, session in enumerate(claimed[:4])]
    sessions.write(live[1], last_output_at=now() - timedelta(minutes=11))
    return live


def _log(session: Session) -> None:
    at = int(time.time() * 1000) - LINES
    text = [
        "collected 10 items",
        "tests/test_duration.py ..F.......",
        "\x1b[31mE   assert 300 == 7500\x1b[0m",
        "reading src/parser.py",
    ]
    LogChunk.objects.bulk_create(
        LogChunk(
            session=session,
            first_seq=first + 1,
            lines=[[at + n, "stdout" if n % 5 else "stderr", f"{text[n % 4]} {n + 1}"] for n in range(first, first + A_CHUNK)],
            size=A_CHUNK * 30,
        )
        for first in range(0, LINES, A_CHUNK)
    )
