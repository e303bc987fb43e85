"""The references of A1 to A3, on the same server as ours: the budget as a raw query, as JSON made by SQL, and by ORM and schema."""

from typing import Any

from django.db import connection
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from ninja import NinjaAPI, Schema

from budget.models import Account, Project, RoundSpend

api = NinjaAPI(urls_namespace="references", docs_url=None, openapi_url=None)


class RoundOut(Schema):
    round: int
    cost: float
    improvement_score: float

    @staticmethod
    def resolve_round(item: RoundSpend) -> int:
        return item.number

    @staticmethod
    def resolve_cost(item: RoundSpend) -> float:
        return item.cost / 1_000_000

    @staticmethod
    def resolve_improvement_score(item: RoundSpend) -> float:
        return item.improvement_score or 0


class EntryOut(Schema):
    entryID: str
    budget_usd: float
    budget_human_locked: bool
    spent_usd: float
    interceptor_spent_usd: float
    rounds: list[RoundOut]

    @staticmethod
    def resolve_entryID(account: Account) -> str:  # noqa: N802
        return account.pk

    @staticmethod
    def resolve_budget_usd(account: Account) -> float:
        return account.budget / 1_000_000

    @staticmethod
    def resolve_budget_human_locked(account: Account) -> bool:
        return account.human_locked

    @staticmethod
    def resolve_spent_usd(account: Account) -> float:
        return account.spent / 1_000_000

    @staticmethod
    def resolve_interceptor_spent_usd(account: Account) -> float:
        return account.interceptor_spent / 1_000_000

    @staticmethod
    def resolve_rounds(account: Account) -> Any:
        return account.rounds.all()


class BudgetOut(Schema):
    total_spent_usd: float
    entries: list[EntryOut]


@api.get("/small/{workspace_id}")
def small(request: HttpRequest, workspace_id: str) -> Any:
    """One raw query, a few amounts, no credentials asked for."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT total_budget, max_project_spend, entry_spent, orchestrator_spent, expansion_spent, interceptor_spent, total_spent"
            " FROM budget_project WHERE workspace_id = %s",
            [workspace_id],
        )
        names = [column.name for column in cursor.description]
        return {name: value / 1_000_000 for name, value in zip(names, cursor.fetchone(), strict=True)}


@api.get("/sql/{workspace_id}")
def by_sql(request: HttpRequest, workspace_id: str) -> HttpResponse:
    """The entries with their rounds as JSON that PostgreSQL makes, in the plainest way."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT json_agg(json_build_object('entryID', a.id, 'budget_usd', a.budget / 1e6::float8, 'budget_human_locked',
                a.human_locked, 'spent_usd', a.spent / 1e6::float8, 'interceptor_spent_usd', a.interceptor_spent / 1e6::float8,
                'rounds', r.rounds))::text
            FROM budget_account a JOIN (SELECT account_id, json_agg(json_build_object('round', number, 'cost', cost / 1e6::float8,
                'improvement_score', improvement_score)) AS rounds FROM budget_roundspend GROUP BY account_id) r ON r.account_id = a.id
            WHERE a.project_id = %s""",
            [workspace_id],
        )
        return HttpResponse(cursor.fetchone()[0], content_type="application/json")


@api.get("/orm/{workspace_id}", response=BudgetOut)
def by_orm(request: HttpRequest, workspace_id: str) -> Any:
    """As most would write it: three queries, and a response schema."""
    rounds = Prefetch("rounds", RoundSpend.objects.order_by("number"))
    accounts = Account.objects.filter(project_id=workspace_id).order_by("entry__seq").prefetch_related(rounds)
    spent = Project.objects.get(pk=workspace_id).total_spent
    return {"total_spent_usd": spent / 1_000_000, "entries": list(accounts)}


urlpatterns = [path("references/", api.urls), path("", include("config.urls"))]
