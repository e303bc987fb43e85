from django.apps import AppConfig


class OrchestrationConfig(AppConfig):
    name = "orchestration"

    def ready(self) -> None:
        from orchestration.edge import receivers  # models are ready only now
        from orchestration.facts import events  # noqa: F401  registers them

        receivers.connect()
