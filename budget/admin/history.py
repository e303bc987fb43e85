"""Money's history on the admin site: the ledger, counters, forecasts, reviews, and the gateway's accesses and requests."""

from django.contrib import admin

from budget.admin.amounts import columns, readonly
from budget.admin.fixes import Correct
from budget.models import (
    Comment,
    DaySpend,
    Decision,
    ForecastRecord,
    GatewayAccess,
    GatewayRequest,
    Hold,
    LedgerEntry,
    Limit,
    ModelSpend,
    Proposal,
    Review,
    ReviewLine,
    RoundSpend,
    ThresholdCrossing,
    UsageTotal,
)
from budget.reviews.snapshot import TOTALS
from workspaces.admin import base

PROJECT = "=project__workspace__id"
TOKENS = "input_tokens output_tokens cache_read_tokens cache_write_tokens"
ON_ONE_LINE = TOKENS.replace(" ", ",")
LINE = "budget spent interceptor_spent period_spent forecast"

# fmt: off
readonly(LedgerEntry, "at id category amount price_source account round model actor corrects",
         ["category", "price_source", ("corrects", admin.EmptyFieldListFilter), "at", "project"],
         "=account__id =session_ref =event_key", "An entry's id, a session's id, or an event's key.",
         fields="id at project account category amount reported computed price_source model"
         f" {ON_ONE_LINE},cache_write_1h_tokens session_ref round hold corrects actor reason event_key",
         actions=[Correct()])
readonly(Hold, "session_ref category account project state amount drawn opened_at settled_at", "state category opened_at project",
         "=session_ref =account__id", "A session's or permit's id, or an entry's.",
         fields="session_ref category account project state amount drawn in_flight opened_at settled_at expires_at"
         " awaits_host awaits_until")
readonly(RoundSpend, "account number cost improvement_score", "", "=account__id", "An entry's id.")
readonly(ModelSpend, "account number model cost", "", "=account__id model", "An entry's id, or a part of a model's name.",
         fields="account number model cost input_tokens cached_tokens")
readonly(DaySpend, "day project category amount", "category day project", PROJECT, ordering="-day category", date_hierarchy="day")
readonly(UsageTotal, f"project category model charged {TOKENS}", "category project", f"{PROJECT} =model",
         ordering="project category model")
readonly(Limit, "project category period amount reached_on", "category period project", PROJECT)
readonly(ThresholdCrossing, "at project percent cap spent rearmed_at", "percent at project", PROJECT)
readonly(ForecastRecord, "project computed_at enough rate cap_at end_spend", "enough computed_at", PROJECT, ordering="-computed_at pk",
         fields="project computed_at version event enough why_not low_rate rate high_rate cap_from cap_at cap_until"
         " end_low end_spend end_high")

# An access has no token: it is derived.
readonly(GatewayAccess, "session_ref role category agent model most ceiling opened_at ended_at",
         [("ended_at", admin.EmptyFieldListFilter), "role", "category", "agent", "opened_at"],
         "=session_ref =id", "A session's or permit's id, or an access's.", ordering="-opened_at pk",
         fields="id session_ref hold role category round agent model most ceiling upstreams origin opened_at ended_at")
readonly(GatewayRequest, "created_at id session_ref state model bound amount status reason", "state api is_exact is_clamped created_at",
         "=session_ref =gateway", "A session's or permit's id, or a gateway's.",
         fields="id session_ref access hold state gateway key api credential model answer_model bound amount output_limit is_clamped"
         f" is_exact price_version {ON_ONE_LINE} status reason created_at sent_at first_byte_at ended_at")

base.readonly(
    Review, columns(Review, "number title project state version author required_approvals total_spent due created_at"),
    "state created_at project", "=id title =author", ordering="-created_at id",
    fieldsets=[
        (None, {"fields": ["id", "number", "title", "project", "period_from", "period_to", "due", "required_approvals"]}),
        ("State", {"fields": ["state", "state_reason", "version", "author", "author_behind", "created_at", "requested_at", "closed_at"]}),
        ("Frozen", {"fields": columns(Review, f"as_of as_of_ledger {' '.join(TOTALS)} period_spent planned expected")}),
    ],
)
readonly(ReviewLine, f"review position title status {LINE}", "status", "=review__id =account__id",
         fields=f"review position account title status human_locked rounds {LINE}")
readonly(Proposal, "review account field before after lock reason", "field", "=review__id =account__id")
readonly(Comment, "at author review line text", "", "=review__id =author", fields="review line author at text")
readonly(Decision, "at reviewer verdict review version note", "verdict at", "=review__id =reviewer",
         fields="review version reviewer verdict note at")
