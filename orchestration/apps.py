from django.apps import AppConfig


class OrchestrationConfig(AppConfig):
    name = "orchestration"

    def ready(self) -> None:
        from orchestration import receivers  # connects; models are ready only now

        receivers.connect()
