"""A channel stays until what is just being told to it is committed, and the other way round (PostgreSQL; SQLite has one writer).

Otherwise the delivery's foreign key is found broken at the commit, and with it falls whatever was recorded: a charge, for example.
"""

from django.db import migrations

from workspaces.triggers import sql

TELLS = sql(
    postgresql=[
        """CREATE OR REPLACE FUNCTION workspaces_event_tells() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO workspaces_delivery (channel_id, event_id, state, attempts, answer)
                SELECT c.id, e.id, 'pending', 0, '' FROM written e
                JOIN workspaces_channelverb v ON v.verb = e.verb
                JOIN workspaces_channel c ON c.id = v.channel_id AND c.workspace_id = e.workspace_id AND c.enabled
                FOR KEY SHARE OF c
                ON CONFLICT (channel_id, event_id) DO NOTHING;
            RETURN NULL;
        END $$""",
    ],
    sqlite=[],
)


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0003_notices")]
    operations = [TELLS]
