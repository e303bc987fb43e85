"""The gateway's accesses and requests on the admin site. An access has no token: it is derived."""

from django.contrib import admin

from budget.admin.amounts import column
from budget.models import GatewayAccess, GatewayRequest
from workspaces.admin.base import ReadOnly


@admin.register(GatewayAccess)
class GatewayAccessAdmin(ReadOnly):
    list_display = [
        "session_ref",
        "role",
        "category",
        "agent",
        "model",
        column("most"),
        column("ceiling"),
        "opened_at",
        "ended_at",
    ]
    list_filter = [("ended_at", admin.EmptyFieldListFilter), "role", "category", "agent", "opened_at"]
    search_fields = ["=session_ref", "=id"]
    search_help_text = "A session's or permit's id, or an access's."
    ordering = ["-opened_at", "pk"]
    fields = [
        *("id", "session_ref", "hold", "role", "category", "round", "agent", "model"),
        *(column("most"), column("ceiling"), "upstreams", "origin", "opened_at", "ended_at"),
    ]


@admin.register(GatewayRequest)
class GatewayRequestAdmin(ReadOnly):
    list_display = ["created_at", "id", "session_ref", "state", "model", column("bound"), column("amount"), "status", "reason"]
    list_filter = ["state", "api", "is_exact", "is_clamped", "created_at"]
    search_fields = ["=session_ref", "=gateway"]
    search_help_text = "A session's or permit's id, or a gateway's."
    ordering = ["-id"]
    fields = [
        *("id", "session_ref", "access", "hold", "state", "gateway", "key", "api", "credential", "model", "answer_model"),
        *(column("bound"), column("amount"), "output_limit", "is_clamped", "is_exact", "price_version"),
        ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
        *("status", "reason", "created_at", "sent_at", "first_byte_at", "ended_at"),
    ]
