from typing import Any

from django.apps import AppConfig


class SsoConfig(AppConfig):
    name = "workspaces.sso"
    label = "sso"
    verbose_name = "Single sign-on"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from workspaces.people import standing
        from workspaces.sso import renewal

        if renewal.why_over not in standing.checks:
            standing.checks.append(renewal.why_over)
            standing.buttons.append(_button)
            standing.persons.append(renewal.has_login)
            standing.troubles.append(renewal.trouble)
            standing.probes.append(renewal.refuses_this_server)


def _button() -> dict[str, Any]:
    from workspaces.sso import pages

    return pages.button()
