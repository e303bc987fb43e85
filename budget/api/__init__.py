"""The budget calls.

- `status`: the contract's four calls
- `limits`: limits, warning thresholds, permits
- `ledger`: ledger, reservations, charges, corrections, reconciliations
- `changes`: who changed which budget
- `allocation`: reallocation and forecast
- `reviews`: reviews of the budget
"""

from ninja import Router

from budget.api import allocation, changes, ledger, limits, reviews, status

router = Router()
for part in (status, limits, ledger, changes, allocation, reviews):
    router.add_router("", part.router)
