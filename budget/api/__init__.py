"""The budget calls, one module a subject."""

from ninja import Router

from budget.api import allocation, changes, ledger, limits, reviews, status

router = Router()
for part in (status, limits, ledger, changes, allocation, reviews):
    router.add_router("", part.router)
