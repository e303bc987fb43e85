"""Every operation of the API, from its own OpenAPI document, so that tests cover new operations automatically."""

import re
from dataclasses import dataclass
from typing import Any

from config.http.api import api

DOCUMENT: dict[str, Any] = api.get_openapi_schema(path_prefix="/api/v1/")

BODIES: dict[str, Any] = {
    "budgetUpdateGlobal": {"max_project_spend_usd": 50},
    "adjustmentsCreate": {"amount_usd": -0.1, "reason": "booked twice"},
    "budgetReallocate": {"dry_run": True},
    "budgetEdit": {"budget_usd": 2},
    "chargesCreate": {"category": "orchestrator", "amount_usd": 0.1},
    "approvalsApprove": {"commit": "a" * 40},
    "approvalsChoose": {"commit": "a" * 40},
    "approvalsNameTests": {"commit": "a" * 40, "tests": ["tests.test_a.test_b"]},
    "approvalsSendBack": {"commit": "a" * 40, "note": "Shorter", "comments": [{"text": "Why?"}]},
    "landingAccept": {"tip": "a" * 40},
    "landingMerge": {"tip": "a" * 40},
    "landingPutBack": {"tip": "a" * 40},
    "landingRevert": {"commit": "a" * 40},
    "sessionSpendAnswer": {"is_true": True},
    "unknownSettle": {"reason": "its provider says so"},
    "limitsUpdate": {"limits": [{"category": "total", "period": "day", "limit_usd": 60}]},
    "permitsCreate": {"category": "expansion", "amount_usd": 0.5},
    "reconciliationsCreate": {
        "csv": "usage_date_utc,model,cost_usd\n2026-08-04,Claude Haiku 4.5,0.05\n",
        "provider": "anthropic",
    },
    "channelsCreate": {"kind": "webhook", "name": "Ops", "target": "https://hooks.example.com/hook", "verbs": ["entry.blocked"]},
    "channelsUpdate": {"name": "Operations"},
    "configUpdate": {"max_workers": 3},
    "credentialsSet": {"key": "s3cret-value", "billing": "plan", "stop_at": {"pct_5h": 80}},
    "orchestratorRunsCreate": {},
    "planRunsCreate": {"goal": "Make it better"},
    "runsApply": {},
    "runsProposalPatch": {"priority": "low"},
    "runsProposalPut": {"content": "Do it better"},
    "runsReject": {},
    "runsReopen": {},
    "reviewsCreate": {"title": "November", "period_from": "2026-11-01", "period_to": "2026-11-30"},
    "reviewsUpdate": {"title": "Late November"},
    "reviewsCommentCreate": {"text": "Why so much?"},
    "reviewsDecide": {"decision": "approve", "note": "Fine", "version": 0},
    "secretsSet": {"value": "s3cret-value"},
    "sessionMessagesCreate": {"text": "Use tabs"},
    "sessionUsage": {"id": "1", "cost_usd": 0.01},
    "sessionProgress": {"text": "half"},
    "todoEntriesCreate": {"entries": [{"content": "Do it"}]},
    "todoEntryInstructionsCreate": {"text": "Use tabs"},
    "todoEntryPriority": {"priority": "high"},
    "todoEntryRounds": {"budget_rounds": 7},
    "todoEntrySplit": {"entries": [{"content": "First half"}, {"content": "Second half"}]},
    "todoEntryUpdate": {"content": "Do it better"},
    "todoEntrySpecPut": {"requirements": "all"},
    "todoEntryStatus": {"status": "blocked"},
    "todoQuestionAnswer": {"answer": "The second"},
    "triggersCreate": {"name": "Weekly", "schedule": "0 3 * * 1", "entry": {"content": "Update all"}, "firing_budget_usd": 1},
    "triggersUpdate": {"schedule": "0 4 * * *"},
    "workspaceUpdate": {"name": "Store"},
    "workspacesCreate": {"name": "New", "repo": "/nowhere", "total_budget_usd": 1, "max_project_spend_usd": 1},
}
"""A valid body for each operation that takes one."""

FOR_AGENTS = ("sessionUsage", "sessionProgress")


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    details: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.details["operationId"])

    @property
    def name(self) -> str:
        return self.id.removeprefix("agent.orchestration.")

    @property
    def tag(self) -> str:
        return str(self.details["tags"][0])

    @property
    def body(self) -> Any:
        """KeyError: a new operation takes a body: add a valid one to BODIES."""
        return BODIES[self.name] if "requestBody" in self.details else None

    @property
    def properties(self) -> set[str]:
        """Those of its body."""
        schema = self.details["requestBody"]["content"]["application/json"]["schema"]
        if reference := schema.get("$ref"):
            schema = DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]]
        return set(schema.get("properties", {}))

    def url(self, **ids: str) -> str:
        return self.path.format(**ids)


OPERATIONS = [
    Operation(method.upper(), path, details)
    for path, methods in DOCUMENT["paths"].items()
    for method, details in methods.items()
    if method in ("get", "put", "post", "patch", "delete")
]
NAMED = {"argvalues": OPERATIONS, "ids": [operation.name for operation in OPERATIONS]}


def keys_of(schema: str) -> list[str]:
    """In their order. A change of them changes cli/openapi.json too."""
    return list(DOCUMENT["components"]["schemas"][schema]["properties"])


def statuses(method: str, path: str) -> set[int] | None:
    """The documented statuses of the operation at this path. None: there is no such operation."""
    for operation in OPERATIONS:
        if operation.method == method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", operation.path), path):
            return {int(status) for status in operation.details["responses"]}
    return None
