"""`./muster backup FILE`: everything in one file, while Muster runs. `--verify`: whether a file is one, and whole."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from orchestration.maintenance.backup import archive, record, saving
from orchestration.maintenance.backup.databases import Impossible

LACKS_WORK = 3


class Command(BaseCommand):
    help = "Save the database and the work of all repositories in one file, while Muster runs. Exit code 3: it lacks work, which is named."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--verify", action="store_true", help="read a backup to its last byte, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        target: Path = options["file"].absolute()
        try:
            manifest = archive.verify(target) if options["verify"] else saving.save(target)
        except (Impossible, OSError) as problem:
            raise CommandError(str(problem)) from None
        count = f"{len(manifest['workspaces'])} workspaces"
        if options["verify"]:
            sums = "with the right checksums" if manifest["format"] > 1 else "of a version that wrote no checksums"
            self.stdout.write(f"{target} is whole: {count} at {manifest['at'][:19]} UTC, {sums}.")
        else:
            record.write(is_whole=not manifest["lacks"])
            self.stdout.write(f"Saved {count} in {target} ({target.stat().st_size / 2**20:.1f} MiB).")
            self.stdout.write(f"Keep {saving.key_file(target)} somewhere else: it opens the stored secrets.")
        lacks = [sentence for missing in manifest.get("lacks", {}).values() for sentence in missing]
        for sentence in lacks:
            self.stdout.write(f"Not in it: {sentence}")
        if lacks:
            self.stdout.flush()
            sys.exit(LACKS_WORK)
