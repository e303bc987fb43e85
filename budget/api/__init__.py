"""The budget calls, one module a subject."""

from ninja import Router

from budget.api import changes, ledger, reviews, status

router = Router()
for part in (status, ledger, changes, reviews):
    router.add_router("", part.router)
