from django.apps import AppConfig

from budget.categories import sql_parts


class BudgetConfig(AppConfig):
    name = "budget"
    sql_parts = staticmethod(sql_parts)

    def ready(self) -> None:
        from budget import events  # noqa: F401  registers them
