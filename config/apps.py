from django.apps import AppConfig


class ConfigApp(AppConfig):
    name = "config"

    def ready(self) -> None:
        # Loaded with Django, so that every process that enqueues a task does it through our app and our broker.
        from config import celery  # noqa: F401
