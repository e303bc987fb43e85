"""`./muster entries add FILE|FOLDER|- ...`: a plan from the command line, shown as a difference before it is imported."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from orchestration.management import choosing
from orchestration.management.choosing import COMMAND_LINE, PROBLEM, USAGE
from orchestration.plans import formats, importing, report, sources
from orchestration.plans.readers.shared.items import Plan
from workspaces.errors import Conflict, Invalid
from workspaces.models import Workspace


class Command(BaseCommand):
    help = "Import a plan into a workspace's backlog: what it adds and changes is shown first."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser(
            "add",
            help="import a plan, for the first time or again",
            epilog="Exit codes: 0 imported, or nothing to change; 1 the plan has problems, or nothing was imported; 2 wrong arguments.",
        )
        add.add_argument("file", metavar="FILE|FOLDER|-", help="- reads stdin")
        add.add_argument("--workspace", metavar="ID|NAME", help="default: as ./muster use says")
        add.add_argument("--format", choices=sorted(formats.titles()), default="", help="default: by its content")
        add.add_argument("--name", default="", help="the plan's name: entries of the same name are compared (default: its own)")
        add.add_argument("--restore", action="store_true", help="add entries again that a person deleted")
        add.add_argument("--dry-run", action="store_true", help="show the difference and import nothing")
        add.add_argument("--yes", action="store_true", help="import without asking")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["file"] == "-" and not (options["yes"] or options["dry_run"]):
            raise CommandError("A plan from stdin needs --yes or --dry-run: there is no answer to read", returncode=USAGE)
        workspace = choosing.workspace(options["workspace"])
        try:
            text = sources.read(options["file"])
        except sources.NoPlan as why:
            raise CommandError(str(why), returncode=USAGE) from None
        plan = formats.parse(text, options["format"])
        name = options["name"] or plan.name or sources.default_name(options["file"])
        self._import(workspace, plan, text, name, options)

    def _import(self, workspace: Workspace, plan: Plan, text: str, name: str, options: dict[str, Any]) -> None:
        restore = options["restore"]
        preview = importing.preview(workspace.pk, plan, by=COMMAND_LINE, name=name, restore=restore)
        if preview.problems:
            for line in report.problems(preview, text):
                self.stderr.write(line)
            raise CommandError("The plan has problems: nothing was imported", returncode=PROBLEM)
        for line in report.lines(preview, text):
            self.stdout.write(line)
        if options["dry_run"] or preview.difference.is_empty:
            self.stdout.write("Nothing was imported." if options["dry_run"] else "There is nothing to import.")
            return
        if not options["yes"] and not self._agreed(workspace):
            raise CommandError("Nothing was imported", returncode=PROBLEM)
        token = preview.difference.token
        try:
            outcome = importing.apply(workspace.pk, plan, by=COMMAND_LINE, token=token, name=name, restore=restore)
        except (Conflict, Invalid) as refused:
            raise CommandError(refused.message, returncode=PROBLEM) from None
        self.stdout.write(f"Imported: {len(outcome.added)} added, {outcome.changed} changed.")

    def _agreed(self, workspace: Workspace) -> bool:
        self.stdout.write(f"Import into {workspace.name}? [y/N] ", ending="")
        self.stdout.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")
