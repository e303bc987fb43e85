"""The budget calls, one module a subject."""

from ninja import Router

from budget.api import allocation, changes, ledger, limits, status

router = Router()
for part in (status, limits, ledger, changes, allocation):
    router.add_router("", part.router)
