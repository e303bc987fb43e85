"""`./muster plan "GOAL"|FILE|-`: an agent proposes entries, which are shown before they are added."""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from pydantic import TypeAdapter, ValidationError

from budget import amounts
from orchestration import sessions
from orchestration.hosts import online
from orchestration.management import choosing
from orchestration.management.choosing import COMMAND_LINE, PROBLEM, USAGE
from orchestration.models import Proposal, Run, Session
from orchestration.plans import sources
from orchestration.proposals import applying, base_tests, reads, run_requests
from orchestration.schemas.runs import Goal
from workspaces.errors import Conflict, Invalid, NotFound

POLL_S = 0.5
WIDTH = 60


class Command(BaseCommand):
    help = "Let an agent propose entries that reach a goal: they are shown before they are added."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.epilog = (
            "Exit codes: 0 added, or left open by --dry-run; 1 the run failed, or nothing was added; 2 wrong arguments."
        )
        parser.add_argument("goal", metavar="GOAL|FILE|-", help="a text, or a file with it; - reads stdin")
        parser.add_argument("--workspace", metavar="ID|NAME", help="default: as ./muster use says")
        parser.add_argument("--dry-run", action="store_true", help="leave the proposals open")
        parser.add_argument("--yes", action="store_true", help="add the entries without asking")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["goal"] == "-" and not (options["yes"] or options["dry_run"]):
            raise CommandError("A goal from stdin needs --yes or --dry-run: there is no answer to read", returncode=USAGE)
        workspace = choosing.workspace(options["workspace"])
        goal = _goal(options["goal"])
        if not online.able(within_s=settings.LEASE_S).exists():
            raise CommandError("No session worker is online: start Muster with ./muster up", returncode=PROBLEM)
        try:
            run = run_requests.plan(workspace, goal, by=COMMAND_LINE)
        except Invalid as refused:
            raise CommandError(refused.message, returncode=PROBLEM) from None
        self.stdout.write(f"The planner ({run.session.agent}) works on it. Ctrl-C stops it.")
        self._watch(run)
        self._show(run)
        if options["dry_run"]:
            self.stdout.write("Nothing was added. The proposals are open.")
            return
        if not options["yes"] and not self._agreed(run):
            raise CommandError("Nothing was added. The proposals are open", returncode=PROBLEM)
        self._apply(run)

    def _watch(self, run: Run) -> None:
        """Until it has proposals. Raises CommandError where it ends without."""
        shown = ""
        try:
            while (session := Session.of_any_role.get(pk=run.pk)).status != Session.Status.ENDED:
                words = session.waiting_for or session.progress or session.phase
                if words != shown:
                    shown = words
                    self.stdout.write(f"  {words}")
                time.sleep(POLL_S)
        except KeyboardInterrupt:
            try:
                sessions.stop_run(session.workspace_id, run.pk, by=COMMAND_LINE)
            except NotFound:
                pass  # it ended meanwhile
            raise CommandError("Stopped. What it spent stays booked", returncode=PROBLEM) from None
        if session.outcome != Session.Outcome.PASSED:
            for problem in Run.objects.get(pk=run.pk).problems:
                self.stderr.write(problem)
            raise CommandError(f"{session.outcome_message}. It cost {_cost(run)}", returncode=PROBLEM)

    def _show(self, run: Run) -> None:
        proposals = list(run.proposals.order_by("number"))
        for line in lines(proposals):
            self.stdout.write(line)
        self.stdout.write(f"{_entries(len(proposals))} for {_cost(run)}.")

    def _agreed(self, run: Run) -> bool:
        self.stdout.write(f"Add to {run.session.workspace.name}? [y/N] ", ending="")
        self.stdout.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def _apply(self, run: Run) -> None:
        try:
            outcome = applying.apply(run, by=COMMAND_LINE)
        except (Conflict, Invalid) as refused:
            raise CommandError(refused.message, returncode=PROBLEM) from None
        for proposal in outcome.outdated:
            self.stdout.write(f"! {proposal.title[:WIDTH]}: {proposal.note}")
        added = ", ".join(f"#{proposal.entry.seq}" for proposal in outcome.applied if proposal.entry)
        if not added:
            raise CommandError("Nothing was added: the backlog has changed since", returncode=PROBLEM)
        self.stdout.write(f"Added: {added}.")


def lines(proposals: list[Proposal]) -> Iterator[str]:
    """`+` an entry to add, `?` what to look at."""
    for proposal in proposals:
        after = proposal.after
        group = f"  [{after['group']}]" if after.get("group") else ""
        needs = f"  waits for {', '.join(after['depends_on'])}" if after.get("depends_on") else ""
        ref = f"{after['ref']} " if after.get("ref") else ""
        yield f"+ {ref}{proposal.title[:WIDTH]}{group}{needs}"
        words = base_tests.WORDS.get(proposal.tests_on_base.get("state", ""))
        if proposal.note:
            yield f"? {proposal.note}"
        elif words:
            yield f"  its tests {words}"


def _goal(text: str) -> str:
    """The text itself, or what is in the file of this name."""
    try:
        if text == "-" or ("\n" not in text and len(text) < 500 and Path(text).is_file()):
            text = sources.read(text)
        return str(TypeAdapter(Goal).validate_python(text))
    except sources.NoPlan as why:
        raise CommandError(str(why), returncode=USAGE) from None
    except ValidationError as error:
        raise CommandError(f"The goal cannot be used: {error.errors()[0]['msg']}", returncode=USAGE) from None


def _entries(number: int) -> str:
    return f"{number} {'entry' if number == 1 else 'entries'}"


def _cost(run: Run) -> str:
    return amounts.format_usd(reads.costs([run.pk]).get(run.pk, 0))
