from django.apps import AppConfig


class ConfigApp(AppConfig):
    name = "config"

    def ready(self) -> None:
        from django.db.backends.signals import connection_created

        from config.system import database

        connection_created.connect(database.limit_other_end)
