"""The model that most of a session's money went to: agents choose models themselves, and use a small one beside the large one."""

from django.db.models import Sum

from budget.models import Category, LedgerEntry


def of(session_ref: str) -> str:
    """The model's name as its provider reports it; empty: no booked request names one. A reviewer's requests count only where there are no others."""
    named = LedgerEntry.objects.filter(session_ref=session_ref).exclude(model="").order_by()
    for rows in (named.exclude(category=Category.INTERCEPTOR), named):
        models = rows.values_list("model").annotate(cost=Sum("amount"), tokens=Sum("output_tokens"))
        if first := models.order_by("-cost", "-tokens", "model").first():
            return str(first[0])
    return ""
