from django.db import migrations, models
from django.db.models import F, Value

from workspaces.triggers import keeping_triggers


def _keep_agents(apps, schema_editor):  # type: ignore[no-untyped-def]
    """Until an entry has a route, its next session has the agent that it asks for."""
    apps.get_model("orchestration", "Entry").objects.exclude(agent="").update(next_agent=F("agent"))


def _text(length: int, words: str) -> models.CharField:  # type: ignore[type-arg]
    return models.CharField(blank=True, db_default="", default="", help_text=words, max_length=length)


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0062_doomed_rounds_validated")]
    operations = [
        *keeping_triggers(
            [
                migrations.AlterField("entry", "agent", _text(63, "The name of its agent in the config. Empty: that of its route.")),
                migrations.AddField(
                    "entry",
                    "route",
                    models.JSONField(
                        blank=True,
                        db_default=Value([], models.JSONField()),
                        default=list,
                        help_text="Steps of its own. Empty: those of the config.",
                    ),
                ),
                migrations.AddField(
                    "entry",
                    "step",
                    models.PositiveSmallIntegerField(db_default=0, default=0, help_text="Its place on its route, from 0."),
                ),
                migrations.AddField(
                    "entry",
                    "step_since",
                    models.PositiveIntegerField(db_default=0, default=0, help_text="Its completed rounds when that step began."),
                ),
                migrations.AddField("entry", "next_agent", _text(63, "The agent of its step. Empty: the usual one.")),
                migrations.AddField("entry", "next_effort", _text(10, "Of its step.")),
                migrations.AddField("session", "effort", _text(10, "Of its step. Empty: that of its agent.")),
                migrations.AddField(
                    "session",
                    "is_plan",
                    models.BooleanField(db_default=False, default=False, help_text="A plan pays its agent: nothing is booked."),
                ),
            ]
        ),
        migrations.RunPython(_keep_agents, migrations.RunPython.noop),
    ]
