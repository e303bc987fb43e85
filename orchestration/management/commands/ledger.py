"""`./muster ledger check | export | import-usage`: the books from the command line."""

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from budget import amounts
from budget.ledger import export as ledger_export
from budget.ledger import reconciliation, usage_files
from budget.models import Category, Project
from budget.reads import queries
from orchestration.maintenance import audit, recorded
from workspaces.access import Caller
from workspaces.errors import Refused

COMMAND_LINE = Caller("command line")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a day like 2026-08-31") from None


def _column(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",") if part]
    if not all(ours and theirs for ours, _, theirs in pairs):
        raise ArgumentTypeError("write date=...,model=...,cost=...")
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


class Command(BaseCommand):
    help = "Check the books, export them, and compare them with what a provider counted."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        check = verbs.add_parser("check", help="recompute everything; report each error and exit 1 if there is any")
        check.add_argument("--workspace", metavar="ID", help="only this one; without it, all")
        export = verbs.add_parser("export", help="the ledger on stdout, oldest first")
        export.add_argument("--workspace", metavar="ID", required=True)
        export.add_argument("--format", choices=["csv", "json"], default="csv")
        export.add_argument("--from", dest="since", type=_day, metavar="DAY", help="the first UTC day")
        export.add_argument("--to", dest="until", type=_day, metavar="DAY", help="the last UTC day")
        export.add_argument("--category", choices=Category.values)
        export.add_argument("--entry", metavar="ID")
        usage = verbs.add_parser("import-usage", help="compare a provider's CSV with the ledger, by day and model")
        usage.add_argument("file", metavar="FILE", help="- reads stdin")
        usage.add_argument("--workspace", metavar="ID", required=True)
        usage.add_argument("--provider", choices=usage_files.PROVIDERS, required=True)
        usage.add_argument("--columns", type=_column, metavar="date=D,model=M,cost=C", help="for generic: its columns' names")
        usage.add_argument("--apply", action="store_true", help="book the differences, each once")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            if verb == "check":
                self._check(**options)
            elif verb == "export":
                self._export(**options)
            else:
                self._import(**options)
        except Refused as refused:
            raise CommandError(refused.message, returncode=2) from None

    def _check(self, *, workspace: str | None, **_: Any) -> None:
        chosen = [_project(workspace).pk] if workspace else list(Project.objects.order_by("pk").values_list("pk", flat=True))
        audits = [audit.check(id_) for id_ in chosen]
        for audit_ in audits:
            for line in audit_.wrong:
                self.stdout.write(f"{audit_.workspace_id}: {line}")
            for line in audit_.notes:
                self.stdout.write(f"{audit_.workspace_id}: note: {line}")
        tokens = [] if workspace else list(recorded.tokens_without_record())
        for line in tokens:
            self.stdout.write(f"server: {line}")
        wrong = len(tokens) + sum(len(audit_.wrong) for audit_ in audits)
        rows, holds, spent = (sum(getattr(audit_, name) for audit_ in audits) for name in ("rows", "holds", "spent"))
        workspaces = "1 workspace" if len(audits) == 1 else f"{len(audits)} workspaces"
        size = f"{workspaces}, {rows} ledger rows ({amounts.format_usd(spent)}), {holds} open {'hold' if holds == 1 else 'holds'}"
        self.stdout.write(f"{size}: {f'{wrong} things do not add up' if wrong else 'everything adds up'}.")
        if wrong:
            sys.exit(1)

    def _export(self, *, workspace: str, format: str, **chosen: Any) -> None:
        rows = queries.ledger_rows(
            _project(workspace).pk,
            category=chosen["category"],
            entry_id=chosen["entry"],
            since=chosen["since"],
            until=chosen["until"],
        )
        write = ledger_export.csv_lines if format == "csv" else ledger_export.json_lines
        try:
            for line in write(rows.order_by("id").iterator(chunk_size=1000)):
                self.stdout.write(line, ending="")
            self.stdout.flush()
        except BrokenPipeError:  # the reader closed the pipe, as `| head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python reports it at exit

    def _import(self, *, file: str, workspace: str, provider: str, columns: dict[str, str] | None, apply: bool, **_: Any) -> None:
        try:
            text = (sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()).decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as wrong:
            raise CommandError(f"{file}: {wrong}", returncode=2) from None
        project = _project(workspace)
        usage = usage_files.read(text, provider=provider, columns=columns)
        lines = reconciliation.compare(project.pk, usage)
        self._table(lines)
        if apply:
            booked = reconciliation.apply(project.pk, usage, provider=provider, by=COMMAND_LINE)
            self.stdout.write(
                f"Booked {len(booked)} adjustments, {amounts.format_usd(sum(line.to_book for line in booked))} together."
            )
        elif any(line.to_book for line in lines):
            self.stdout.write("Nothing was booked: --apply books the differences.")

    def _table(self, lines: list[reconciliation.Line]) -> None:
        self.stdout.write(f"{'day':10}  {'model':32}  {'provider':>12}  {'ledger':>12}  {'difference':>12}  {'tokens':>23}  note")
        for line in lines:
            tokens = f"{'—' if line.provider_tokens is None else line.provider_tokens} / {line.ledger_tokens}"
            columns = "  ".join(f"{amounts.format_usd(amount):>12}" for amount in (line.provider, line.ledger, line.difference))
            self.stdout.write(f"{line.day}  {line.model:32}  {columns}  {tokens:>23}  {line.note}".rstrip())


def _project(workspace_id: str) -> Project:
    """Includes deleted workspaces, because their books are kept."""
    project = Project.objects.filter(pk=workspace_id).first()
    if project is None:
        raise CommandError(f"There is no workspace {workspace_id!r}. See ./muster workspace list", returncode=2)
    return project
