"""`./muster upgrade`: bring the database to this version."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from orchestration.maintenance import upgrade


class Command(BaseCommand):
    help = "Say what an upgrade to this version changes and what is in its way, and then change the database, while work goes on."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="only say it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            findings = list(upgrade.examine())
        except DatabaseError as problem:
            raise CommandError(f"The database does not answer: {str(problem).splitlines()[0]}") from None
        for finding in findings:
            self.stdout.write(str(finding))
        if any(finding.problem and finding.is_needed for finding in findings):
            raise CommandError("Nothing was changed")
        if not options["check"]:
            upgrade.apply(self.stdout)
            self.stdout.write(
                "Now restart the processes with this version: web, then control, then session workers host by host."
            )
