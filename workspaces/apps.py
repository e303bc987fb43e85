from django.apps import AppConfig
from django.conf import settings

from workspaces.secrets import masking


class WorkspacesConfig(AppConfig):
    name = "workspaces"

    def ready(self) -> None:
        masking.server.learn(
            {
                "of the mail server": settings.EMAIL_HOST_PASSWORD or "",
                "of the database": str(settings.DATABASES["default"].get("PASSWORD") or ""),
                "of the broker": masking.of_url(settings.REDIS_URL).get("password", ""),
                "MUSTER_SECRET_KEY": settings.SECRET_KEY,
                "MUSTER_SECRET_KEY_OTHER": "".join(settings.SECRET_KEY_FALLBACKS),
                "of the provider of single sign-on": settings.OIDC_CLIENT_SECRET,
            }
        )
