"""The budget calls, one module a subject."""

from ninja import Router

from budget.api import changes, ledger, limits, status

router = Router()
for part in (status, limits, ledger, changes):
    router.add_router("", part.router)
