"""`triggers`: list what adds entries by itself, show what came of it, and fire it."""

from typing import Annotated, Any

import typer

from muster_cli.errors import Problem, Usage
from muster_cli.output import Column, table, time_of, usd
from muster_cli.run import Run, command
from muster_client.api.triggers import triggers_fire, triggers_firings, triggers_get, triggers_list

FIRE = "fire"
FirstArgument = Annotated[
    str | None,
    typer.Argument(metavar="TRIGGER|fire", help="Its id or its name: all of it. Or: fire TRIGGER.", show_default=False),
]
SecondArgument = Annotated[str | None, typer.Argument(metavar="TRIGGER", help="", show_default=False, hidden=True)]

TRIGGERS: list[Column] = [
    ("TRIGGER", lambda row: row["id"]),
    ("STATE", lambda row: "on" if row["enabled"] else "off"),
    ("NEXT", lambda row: next((time_of(each) for each in row["next_times"]), "")),
    ("MONTH", lambda row: _month(row)),
    ("NAME", lambda row: row["name"]),
    ("FIRES", lambda row: row["sentence"]),
]
FIRINGS: list[Column] = [
    ("AT", lambda row: time_of(row["at"])),
    ("BY", lambda row: row["fired_by"] or ""),
    ("ENTRY", lambda row: row["entry_id"] or ""),
    ("SKIPPED", lambda row: row["skipped"] or ""),
    ("", lambda row: row["message"] or ""),
]


def triggers(run: Run, name: FirstArgument = None, fired: SecondArgument = None) -> None:
    """List triggers, show the next times and the firings of one, or fire one now: triggers fire TRIGGER."""
    if name == FIRE and fired is None:
        raise Usage("Name the trigger: muster triggers fire TRIGGER")
    if name != FIRE and fired is not None:
        raise Usage(f"{fired}: a single trigger is shown.")
    if name is None:
        rows = run.server.call(triggers_list.request(run.workspace))["triggers"]
        run.output.show({"triggers": rows}, rows, lambda: _table(rows))
    elif fired is not None:
        _fire(run, _trigger(run, fired))
    else:
        _show(run, _trigger(run, name))


def _table(rows: list[dict[str, Any]]) -> list[str]:
    """With a line for each whose issues are not looked at."""
    return [
        *table(rows, TRIGGERS, empty="No triggers."),
        *(f"{row['name']}: {row['message']}." for row in rows if row["message"]),
    ]


def register(app: typer.Typer) -> None:
    command(app, "triggers", refreshes=True)(triggers)


def _trigger(run: Run, name: str) -> dict[str, Any]:
    if name.startswith("trig_"):
        row: dict[str, Any] = run.server.call(triggers_get.request(run.workspace, name))
        return row
    rows = [row for row in run.server.call(triggers_list.request(run.workspace))["triggers"] if row["name"] == name]
    if len(rows) != 1:
        raise Problem(f"{len(rows)} triggers are named {name}: use its id." if rows else f"No trigger is named {name}.")
    return dict(rows[0])


def _show(run: Run, row: dict[str, Any]) -> None:
    firings = list(run.server.pages(triggers_firings.request(run.workspace, row["id"]), "firings"))
    run.output.show({"trigger": row, "firings": firings}, None, lambda: _lines(row, firings))


def _fire(run: Run, row: dict[str, Any]) -> None:
    document = run.server.call(triggers_fire.request(run.workspace, row["id"]))
    if document["entry_id"] is None and not run.output.is_for_programs:
        raise Problem(f"No entry is added: {document['message']}.")
    run.output.show(document, None, lambda: [f"Added {document['entry_id']}."])


def _lines(row: dict[str, Any], firings: list[dict[str, Any]]) -> list[str]:
    return [
        f"{row['name']} ({row['id']}) is {'on' if row['enabled'] else 'off'}: {row['sentence']}",
        *([f"Problem: {row['message']}."] if row["message"] else []),
        f"{_month(row)} this month, {usd(row['firing_budget_usd'])} for each entry",
        *(f"Next {time_of(time)}" for time in row["next_times"]),
        "",
        *table(firings, FIRINGS, empty="It has not fired yet."),
    ]


def _month(row: dict[str, Any]) -> str:
    most = row["month_budget_usd"]
    return usd(row["month_committed_usd"]) + ("" if most is None else f" of {usd(most)}")
