"""The budget calls, one module a subject."""

from ninja import Router

from budget.api import allocation, changes, ledger, status

router = Router()
for part in (status, ledger, changes, allocation):
    router.add_router("", part.router)
