"""`./muster restore FILE`: a backup, into a new data directory and an empty database."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from orchestration.maintenance.backup import restoring, saving
from orchestration.maintenance.backup.databases import Impossible


class Command(BaseCommand):
    help = "Restore a backup into an empty data directory and an empty database."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--in-place",
            action="store_true",
            help="the other Muster is gone: go on in repositories that it worked in. No ref that is there is moved",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        source: Path = options["file"].absolute()
        key = saving.key_file(source)
        if not key.exists() or key.read_text().strip() != settings.SECRET_KEY:
            raise CommandError(
                f"Stored secrets need the key of the backup: put {key} beside it and set MUSTER_SECRET_KEY to what it contains "
                f"(MUSTER_SECRET_KEY=$(cat {key}) ./muster restore {source})"
            )
        try:
            for sentence in restoring.restore(source, in_place=options["in_place"]):
                self.stdout.write(sentence)
                self.stdout.flush()
        except Impossible as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write("Run ./muster ledger check, then start it: ./muster up, or web, control and session workers.")
