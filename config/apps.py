from django.apps import AppConfig


class ConfigApp(AppConfig):
    name = "config"

    def ready(self) -> None:
        # Celery is loaded with Django, so that every process enqueues tasks through our app and broker.
        from django.db.backends.signals import connection_created

        from config import celery, database  # noqa: F401

        connection_created.connect(database.limit_other_end)
