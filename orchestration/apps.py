from django.apps import AppConfig


class OrchestrationConfig(AppConfig):
    name = "orchestration"

    def ready(self) -> None:
        from orchestration import events, receivers  # noqa: F401  registers and connects; models are ready only now

        receivers.connect()
