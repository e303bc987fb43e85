"""`./muster backup FILE`: everything in one file, while Muster runs."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from orchestration.maintenance.backup import saving
from orchestration.maintenance.backup.databases import Impossible


class Command(BaseCommand):
    help = "Save the database and the refs of all repositories in one file, while Muster runs."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        target: Path = options["file"].absolute()
        try:
            manifest = saving.save(target)
        except (Impossible, OSError) as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(
            f"Saved {len(manifest['workspaces'])} workspaces in {target} ({target.stat().st_size / 2**20:.1f} MiB)."
        )
        for workspace_id in manifest["without_repository"]:
            self.stdout.write(f"The repository of {workspace_id} is not on this host: run this where it is, too.")
        self.stdout.write(f"Keep {saving.key_file(target)} somewhere else: it opens the stored secrets.")
