"""The contract's budget answer as the database writes it: one statement, whatever the number of entries (performance.md, A2 to A4).

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
    """The present answer. As long as nothing changed, one small read."""
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
    """How a database writes JSON. `usd`: micro-USD as a JSON number; `flag`, `rounds`: a boolean, and an array made before."""

    make: str
    gather: str
    usd: str
    flag: str
    rounds: str
    in_order_of: str


# Whole dollars as integers, as elsewhere. SQLite gathers in the order of the inner SELECT (its own ORDER BY came with 3.44).
_DIALECTS = {
    "postgresql": _Dialect(
        make="json_build_object",
        gather="json_agg",
        usd="({0}::float8 / 1000000)",
        flag="a.human_locked",
        rounds="coalesce(r.made, '[]'::json)",
        in_order_of="ORDER BY {0}",
    ),
    "sqlite": _Dialect(
        make="json_object",
        gather="json_group_array",
        usd="(CASE WHEN {0} %% 1000000 = 0 THEN {0} / 1000000 ELSE {0} / 1000000.0 END)",
        flag="json(CASE WHEN a.human_locked THEN 'true' ELSE 'false' END)",
        rounds="json(coalesce(r.made, '[]'))",
        in_order_of="",
    ),
}


@cache
def _sql(vendor: str) -> str:
    """Three parameters, each the workspace's id."""
    say = _DIALECTS[vendor]
    project, account, spend = Project._meta.db_table, Account._meta.db_table, RoundSpend._meta.db_table
    entry = Account._meta.get_field("entry").related_model._meta.db_table
    usd = say.usd.format
    return f"""SELECT p.version, CAST({say.make}(
        'total_budget_usd', {usd("p.total_budget")}, 'max_project_spend_usd', {usd("p.max_project_spend")},
        'entries_spent_usd', {usd("p.entry_spent")}, 'orchestrator_spent_usd', {usd("p.orchestrator_spent")},
        'expansion_spent_usd', {usd("p.expansion_spent")}, 'interceptor_spent_usd', {usd("p.interceptor_spent")},
        'total_spent_usd', {usd("p.total_spent")}) AS text),
    (SELECT coalesce(CAST({say.gather}({say.make}('entryID', a.id, 'budget_usd', {usd("a.budget")},
            'budget_human_locked', {say.flag}, 'spent_usd', {usd("a.spent")},
            'interceptor_spent_usd', {usd("a.interceptor_spent")}, 'rounds', {say.rounds}
            ) {say.in_order_of.format("a.seq")}) AS text), '[]')
        FROM (SELECT a.*, e.seq FROM {account} a LEFT JOIN {entry} e ON e.account_id = a.id
            WHERE a.project_id = %s AND (e.deleted_at IS NULL OR a.spent > 0 OR a.interceptor_spent > 0) ORDER BY e.seq) a
        LEFT JOIN (SELECT account_id, {say.gather}({say.make}('round', number, 'cost', {usd("cost")},
                'improvement_score', coalesce(improvement_score, 0)) {say.in_order_of.format("number")}) AS made
            FROM (SELECT r.* FROM {spend} r JOIN {account} a ON a.id = r.account_id WHERE a.project_id = %s
                ORDER BY r.account_id, r.number) r GROUP BY account_id) r ON r.account_id = a.id)
    FROM {project} p WHERE p.workspace_id = %s"""
