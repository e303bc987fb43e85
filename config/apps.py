from django.apps import AppConfig


class ConfigApp(AppConfig):
    name = "config"

    def ready(self) -> None:
        # Loaded with Django, so that every process enqueues tasks through our app and broker.
        from config import celery  # noqa: F401
