"""The contract's budget answer as the database writes it: one statement, whatever the number of entries.

Built in Python, a thousand entries with five rounds take ten times as long.
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from threading import Lock

from django.db import connection

from budget.models import Account, Project, RoundSpend

SHAPE = 1
"""Grows when the answer's shape changes, so that nobody keeps an answer of an older release."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`text`: JSON. `tag`: the same for as long as the text is."""

    text: str
    tag: str


KEPT_BYTES = 16_000_000
_keeping = Lock()
_kept: OrderedDict[str, "Answer"] = OrderedDict()
"""The last answers of this process, by workspace. The tag is read from the database each time: it says whether one still holds."""


def read(workspace_id: str) -> Answer:
    """The present answer. As long as nothing changed, one small read. Within a transaction it is written anew: what that changed is counted
    at its commit."""
    if connection.in_atomic_block:
        return write(workspace_id)
    known = _kept.get(workspace_id)
    if known is not None and known.tag == tag(workspace_id):
        return known
    fresh = write(workspace_id)
    _keep(workspace_id, fresh)
    return fresh


def _keep(workspace_id: str, answer: Answer) -> None:
    """The newest last; the oldest go when all are too long."""
    with _keeping:
        _kept[workspace_id] = answer
        _kept.move_to_end(workspace_id)
        size = sum(len(one.text) for one in _kept.values())
        while size > KEPT_BYTES:
            size -= len(_kept.popitem(last=False)[1].text)


def tag(workspace_id: str) -> str:
    """The tag of the present answer. One small read."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT version FROM {Project._meta.db_table} WHERE workspace_id = %s", [workspace_id])
        return _tag(cursor.fetchone()[0])


def write(workspace_id: str) -> Answer:
    """The present answer and its tag, read together. A round that was not verified improved nothing: its improvement is 0."""
    with connection.cursor() as cursor:
        cursor.execute(_sql(connection.vendor), [workspace_id] * 3)
        version, totals, entries = cursor.fetchone()
    return Answer(f'{{"global":{totals},"entries":{entries}}}', _tag(version))


def _tag(version: int) -> str:
    return f'"{SHAPE}-{version}"'


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How a database writes text. `usd`: micro-USD as a JSON number; `quoted`: a JSON string; `joined`: rows in an order."""

    usd: str
    quoted: str
    joined: str


# Plain text, joined: the databases' own JSON functions look up the type of every value, and take half as long again. SQLite writes whole
# dollars as integers too, and joins in the order of the inner SELECT (its own ORDER BY came with 3.44).
_DIALECTS = {
    "postgresql": _Dialect(
        usd="({0}::float8 / 1000000)", quoted="to_json({0})::text", joined="string_agg({0}, ',' ORDER BY {1})"
    ),
    "sqlite": _Dialect(
        usd="(CASE WHEN {0} %% 1000000 = 0 THEN {0} / 1000000 ELSE {0} / 1000000.0 END)",
        quoted="json_quote({0})",
        joined="group_concat({0}, ',')",
    ),
}


@cache
def _sql(vendor: str) -> str:
    """Three parameters, each the workspace's id."""
    say = _DIALECTS[vendor]
    project, account, spend = Project._meta.db_table, Account._meta.db_table, RoundSpend._meta.db_table
    entry = Account._meta.get_field("entry").related_model._meta.db_table
    usd = say.usd.format
    totals = _object(
        {f"{name}_usd": usd(f"p.{name}") for name in ("total_budget", "max_project_spend")}
        | {"entries_spent_usd": usd("p.entry_spent")}
        | {
            f"{name}_usd": usd(f"p.{name}")
            for name in ("orchestrator_spent", "expansion_spent", "interceptor_spent", "total_spent")
        }
    )
    one_round = _object({"round": "number", "cost": usd("cost"), "improvement_score": "coalesce(improvement_score, 0)"})
    one_entry = _object(
        {
            "entryID": say.quoted.format("a.id"),
            "budget_usd": usd("a.budget"),
            "budget_human_locked": "CASE WHEN a.human_locked THEN 'true' ELSE 'false' END",
            "spent_usd": usd("a.spent"),
            "interceptor_spent_usd": usd("a.interceptor_spent"),
            "rounds": "'[' || coalesce(r.made, '') || ']'",
        }
    )
    return f"""SELECT p.version, {totals},
    (SELECT '[' || coalesce({say.joined.format(one_entry, "a.seq")}, '') || ']'
        FROM (SELECT a.*, e.seq FROM {account} a LEFT JOIN {entry} e ON e.account_id = a.id
            WHERE a.project_id = %s AND (e.deleted_at IS NULL OR a.spent > 0 OR a.interceptor_spent > 0) ORDER BY e.seq) a
        LEFT JOIN (SELECT account_id, {say.joined.format(one_round, "number")} AS made
            FROM (SELECT r.* FROM {spend} r JOIN {account} a ON a.id = r.account_id WHERE a.project_id = %s
                ORDER BY r.account_id, r.number) r GROUP BY account_id) r ON r.account_id = a.id)
    FROM {project} p WHERE p.workspace_id = %s"""


def _object(fields: dict[str, str]) -> str:
    """SQL that writes a JSON object: its keys, and SQL for each value."""
    return "'{' || " + " || ',' || ".join(f"'\"{key}\":' || {value}" for key, value in fields.items()) + " || '}'"
