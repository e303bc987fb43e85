"""The categories of spend. Columns, triggers, sums, limits, charts, pages and exports follow from this module by loops; CONTRIBUTING.md has the recipe for another one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, TextChoices


class Category(TextChoices):
    """entry: implementing and verifying an entry; the others as in budget.md, Pieces."""

    # The sentence is published in openapi.json, which keeps its words: the others are in docs/glossary.md and docs/explanation/money.md today.

    ENTRY = "entry"
    ORCHESTRATOR = "orchestrator"
    EXPANSION = "expansion"
    INTERCEPTOR = "interceptor"


class Scope(TextChoices):
    """`total`, or a category."""

    TOTAL = "total"
    ENTRY = Category.ENTRY.value
    ORCHESTRATOR = Category.ORCHESTRATOR.value
    EXPANSION = Category.EXPANSION.value
    INTERCEPTOR = Category.INTERCEPTOR.value


@dataclass(frozen=True, slots=True)
class Traits:
    """`stops`: what stops when a limit is reached; `stops_round`: the same for the limit of a single round, which the config's key `round_key` sets; empty:
    there is none. `account_column`: where an entry's account counts it, by a line of its own in the trigger; empty: only the project counts it.
    `steers`: it counts as steering, whose share of all spend the config limits."""

    label: str
    stops: str
    stops_round: str = ""
    round_key: str = ""
    account_column: str = ""
    steers: bool = True


_NO_SESSION = "No new session is admitted; running sessions continue within their reservations"
_CHARGES = (
    "Permits are refused. Charges are spent already, so they are still booked, and their response says that the limit is reached"
)
TRAITS: Mapping[str, Traits] = {
    Scope.TOTAL.value: Traits(
        "Total",
        _NO_SESSION,
        "The session is stopped within a second of the usage line that crossed it; its work is kept, and a later session continues",
        "round_ceiling_usd",
    ),
    Category.ENTRY.value: Traits("Entries", _NO_SESSION, account_column="spent", steers=False),
    Category.ORCHESTRATOR.value: Traits("Orchestrator", _CHARGES),
    Category.EXPANSION.value: Traits("Expansion", _CHARGES),
    Category.INTERCEPTOR.value: Traits(
        "Interceptor",
        "Reviews get no money: a required one puts its entry on hold, and its work is kept; "
        "with interceptor.required: false they are skipped, and the round says so",
        "The review ends there without a verdict: a required one is made again in the next session; "
        "with interceptor.required: false the round goes on, and says so",
        "interceptor.round_usd",
        "interceptor_spent",
    ),
}
CATEGORIES = tuple(Category.values)
"""In the order of charts and tables."""
LABELS = {name: TRAITS[name].label for name in CATEGORIES}
COLUMNS = tuple(f"{name}_spent" for name in CATEGORIES)
"""The counters of a project, and the frozen ones of a review."""
ANSWER_KEYS = {name: "entries_spent_usd" if name == Category.ENTRY else f"{name}_spent_usd" for name in CATEGORIES}
"""The names in answers of the API."""
STEERING = tuple(name for name in CATEGORIES if TRAITS[name].steers)
"""The categories that did not go into entries themselves."""
ACCOUNT_COLUMNS = {name: TRAITS[name].account_column for name in CATEGORIES if TRAITS[name].account_column}


def sum_of(names: Sequence[str] = CATEGORIES) -> Any:
    """The expression of the generated column `total_spent`."""
    return reduce(add, (F(f"{name}_spent") for name in names))


def steering_words(before_last: str = ", ") -> str:
    """The labels of steering, in a sentence."""
    *others, last = (LABELS[name].lower() for name in STEERING)
    return f"{', '.join(others)}{before_last}{last}"


@dataclass(frozen=True, slots=True)
class SqlParts:
    """The parts of SQL that name categories. In the files of `sql/`, `{{total p}}` stands for `total("p")`, and so on."""

    names: Sequence[str] = CATEGORIES

    def total(self, row: str = "") -> str:
        """The sum of all categories. `row`: the alias of the project."""
        return " + ".join(f"{row}.{column}" if row else column for column in self._columns)

    def spent(self, category: str, row: str) -> str:
        """The spend of a category that is known only there, such as `l.category`."""
        *others, last = self.names
        cases = " ".join(f"WHEN '{name}' THEN {row}.{name}_spent" for name in others)
        return f"CASE {category} {cases} ELSE {row}.{last}_spent END"

    def columns(self) -> str:
        return ", ".join(self._columns)

    def changed(self, *comparison: str) -> str:
        """True if one of the columns changed. `comparison`: the database's own, of values that may be null."""
        return " OR ".join(f"NEW.{column} {' '.join(comparison)} OLD.{column}" for column in self._columns)

    def of_no_account(self) -> str:
        """The categories that no account counts, as a list of values."""
        return ", ".join(f"'{name}'" for name in self._of_no_account)

    def add_of_no_account(self) -> str:
        """Assignments that add a new ledger row to its project, for these."""
        case = "{0}_spent = {0}_spent + CASE NEW.category WHEN '{0}' THEN NEW.amount ELSE 0 END"
        return ", ".join(map(case.format, self._of_no_account))

    @property
    def _columns(self) -> list[str]:
        return [f"{name}_spent" for name in self.names]

    @property
    def _of_no_account(self) -> list[str]:
        return sorted(name for name in self.names if name not in ACCOUNT_COLUMNS)


def sql_parts(connection: BaseDatabaseWrapper) -> SqlParts:
    """For the categories that this database has: an older migration installs its triggers before the columns of newer ones are there."""
    with connection.cursor() as cursor:
        present = {column.name for column in connection.introspection.get_table_description(cursor, "budget_project")}
    return SqlParts([name for name in CATEGORIES if f"{name}_spent" in present])
