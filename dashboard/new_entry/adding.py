"""Adding one entry by its form: the check, a rehearsal in a transaction, and the idempotency key of the form. The money of new entries."""

import re
import secrets
from collections.abc import Sequence

from django.db import transaction

from dashboard.shared.page_request import PageRequest
from orchestration import configuration, funding
from orchestration.backlog import entries
from orchestration.backlog.entries import Draft
from orchestration.plans import importing
from orchestration.plans.checking import Checked
from orchestration.plans.readers.shared.items import Plan, Problem
from workspaces.errors import Invalid

_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


def form_key(page_request: PageRequest) -> str:
    """The form's idempotency key, kept from its first display: a form that is sent twice adds once."""
    submitted = page_request.request.POST.get("key", "")
    return submitted if _KEY.fullmatch(submitted) else secrets.token_urlsafe(24)


def check_plan(page_request: PageRequest, plan: Plan) -> Checked:
    """Check the plan against the backlog, then rehearse adding it. Nothing is saved."""
    result = importing.check(page_request.workspace.pk, plan)
    if not result.problems and (refusal := _rehearse(page_request, result.drafts)):
        result.problems.append(Problem(0, refusal))
    return result


def _rehearse(page_request: PageRequest, drafts: Sequence[Draft]) -> str:
    """Add the drafts and roll back. Returns the refusal, empty for none."""
    try:
        with transaction.atomic():
            entries.add(page_request.workspace.pk, drafts, by=page_request.caller, blocks_poor=True)
            transaction.set_rollback(True)
    except Invalid as why:
        return why.message
    return ""


def budgets(page_request: PageRequest, drafts: Sequence[Draft]) -> dict[str, int]:
    """Requested budgets compared with the project's unallocated amount, in micro-USD, and how many entries would be blocked without money for a
    round."""
    requested = sum(draft.budget or 0 for draft in drafts)
    spare = funding.spare(page_request.workspace.pk)
    shared = sum(1 for draft in drafts if draft.budget is None)
    least = max(configuration.load(page_request.executor.config).min_round, 1)
    is_spent = page_request.project.plan_left < least
    poor = sum(is_spent if draft.budget is None else draft.budget < least for draft in drafts if not draft.depends_on)
    return {
        "requested": requested,
        "spare": spare,
        "short": max(requested - spare, 0),
        "shared": shared,
        "least": least,
        "poor": poor,
    }
