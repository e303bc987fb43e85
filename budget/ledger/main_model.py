"""A session's main model, by cost: agents choose models themselves, and use a small one beside the large one."""

from django.db.models import Case, IntegerField, Max, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce

from budget.models import Category, LedgerEntry


def of(session_ref: OuterRef) -> Subquery:
    """The model's name by its provider; NULL: no booked request has one. A reviewer's requests count only without others. A subquery: a session's end stays cheap."""
    by_reviewer = Q(category=Category.INTERCEPTOR)
    own = Max(Case(When(by_reviewer, then=Value(0)), default=Value(1)), output_field=IntegerField())
    models = LedgerEntry.objects.filter(session_ref=session_ref).exclude(model="").order_by().values("model")
    ranked = models.annotate(
        own=own, cost=Coalesce(Sum("amount", filter=~by_reviewer), Sum("amount")), output=Sum("output_tokens")
    )
    return Subquery(ranked.order_by("-own", "-cost", "-output", "model").values("model")[:1])
