import argparse
from pathlib import Path
from typing import TextIO

from tally import accounts, balance, export, journal, report


def main(argv: list[str], out: TextIO) -> int:
    """Run a command. 0: fine; 1: the journal cannot be used, and why is written; 2: not understood."""
    parser = argparse.ArgumentParser(prog="tally", exit_on_error=False)
    parser.add_argument("command", choices=["report", "export"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--account", default="*")
    parser.add_argument("--format", choices=["csv", "json"], default="csv")
    try:
        asked = parser.parse_args(argv)
    except (argparse.ArgumentError, SystemExit):
        out.write("usage: tally report|export FILE [--account PATTERN] [--format csv|json]\n")
        return 2
    try:
        transactions = journal.parse(asked.file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        out.write(f"error: {problem}\n")
        return 1
    if wrong := journal.unbalanced(transactions):
        out.writelines(f"error: {sentence}\n" for sentence in wrong)
        return 1
    found = balance.balances(transactions)
    chosen = {name: cents for name, cents in found.items() if accounts.matches(name, asked.account)}
    if asked.command == "report":
        out.write(report.table(chosen) + "\n")
    else:
        out.write(export.to_csv(chosen) if asked.format == "csv" else export.to_json(chosen))
    return 0
