from django.apps import AppConfig


class OAuthConfig(AppConfig):
    name = "workspaces.oauth"
    label = "oauth"
    verbose_name = "Logins of MCP clients"
    default_auto_field = "django.db.models.BigAutoField"
