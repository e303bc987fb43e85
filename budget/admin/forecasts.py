"""The newest forecast of each project on the admin site."""

from django.contrib import admin

from budget.admin.amounts import column
from budget.models import ForecastRecord
from workspaces.admin.base import ReadOnly


@admin.register(ForecastRecord)
class ForecastRecordAdmin(ReadOnly):
    list_display = ["project", "computed_at", "enough", column("rate"), "cap_at", column("end_spend")]
    list_filter = ["enough", "computed_at"]
    list_select_related = ["project"]
    search_fields = ["=project__workspace__id"]
    ordering = ["-computed_at", "pk"]
    fields = [
        "project",
        "computed_at",
        "version",
        "event",
        "enough",
        "why_not",
        *(column(name) for name in ("low_rate", "rate", "high_rate")),
        *("cap_from", "cap_at", "cap_until"),
        *(column(name) for name in ("end_low", "end_spend", "end_high")),
    ]
