"""Balances for other programs."""

import csv
import io
import json


def to_csv(balances: dict[str, int]) -> str:
    """With a line of headings, sorted by account, amounts in cents."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["account", "cents"])
    writer.writerows(sorted(balances.items()))
    return out.getvalue()


def to_json(balances: dict[str, int]) -> str:
    """A list of objects, sorted by account, readable to people as well."""
    rows = [{"account": name, "cents": cents} for name, cents in sorted(balances.items())]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
