from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def record_known_tokens(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Tokens of the command line had no line of activity. Those that live now get one, so that a later one without stands out."""
    Event, Workspace = apps.get_model("workspaces", "Event"), apps.get_model("workspaces", "Workspace")
    known = set(Event.objects.filter(verb="token.created").values_list("object_id", flat=True))
    alive = list(Workspace.objects.filter(deleted_at__isnull=True).values_list("pk", flat=True))
    tokens = apps.get_model("workspaces", "ApiToken").objects.filter(session_ref="", revoked_at__isnull=True)
    Event.objects.bulk_create(
        Event(
            workspace_id=workspace_id,
            actor="muster",
            actor_kind="automation",
            verb="token.created",
            object_id=token.prefix,
            reason="It was there before tokens of the command line were recorded",
            data={
                "name": token.name,
                "prefix": token.prefix,
                "role": token.role,
                "expires_at": token.expires_at.isoformat() if token.expires_at else None,
            },
        )
        for token in tokens
        if token.prefix not in known
        for workspace_id in ([token.workspace_id] if token.workspace_id else alive)
    )


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0006_triggers_from_files")]
    operations = [migrations.RunPython(record_known_tokens, migrations.RunPython.noop)]
