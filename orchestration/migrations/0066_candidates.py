from django.db import migrations, models
from django.db.models import Q

from workspaces.constraints import AddCheck
from workspaces.triggers import keeping_triggers

OUTCOMES = (
    *("passed", "failed", "no_change", "conflict", "crashed", "timed_out", "out_of_money", "stopped", "interrupted", "lost"),
    *("unavailable", "asked", "doomed", "not_chosen"),
)


def _number(words: str, default: int = 0) -> models.PositiveSmallIntegerField:  # type: ignore[type-arg]
    return models.PositiveSmallIntegerField(db_default=default, default=default, help_text=words)


class Migration(migrations.Migration):
    dependencies = [("budget", "0031_several_holds_of_an_account"), ("orchestration", "0065_choices")]
    operations = keeping_triggers(
        [
            migrations.AlterModelOptions(
                "round", options={"base_manager_name": "of_any_candidate", "ordering": ["entry", "number"]}
            ),
            migrations.AlterModelManagers(
                "round", managers=[("objects", models.Manager()), ("of_any_candidate", models.Manager())]
            ),
            migrations.RemoveConstraint("conversation", "one_conversation_per_role"),
            migrations.RemoveConstraint("round", "one_round_per_number"),
            migrations.RemoveConstraint("session", "one_open_session_per_entry"),
            migrations.RemoveConstraint("session", "session_outcome_known"),
            migrations.AddField("conversation", "candidate", _number("Of the entry's round. 0: it has one agent.")),
            migrations.AddField(
                "entry",
                "next_candidates",
                _number("How many of its agents work on its next round at once. Of its step.", 1),
            ),
            migrations.AddField("round", "candidate", _number("That of its session.")),
            migrations.AddField(
                "round",
                "is_set_aside",
                models.BooleanField(db_default=False, default=False, help_text="A candidate's round that was not chosen, or not yet."),
            ),
            migrations.AddField(
                "session",
                "candidate",
                _number("Its number among several that work on one round of the entry. 0: it works alone."),
            ),
            migrations.AlterField(
                "session",
                "outcome",
                models.CharField(
                    blank=True,
                    choices=[(each, each.replace("_", " ").title()) for each in OUTCOMES],
                    db_default="",
                    default="",
                    max_length=15,
                ),
            ),
            migrations.AddConstraint(
                "conversation",
                models.UniqueConstraint(fields=("entry", "candidate", "role", "kind"), name="one_conversation_per_candidate"),
            ),
            migrations.AddConstraint(
                "round", models.UniqueConstraint(fields=("entry", "number", "candidate"), name="one_round_per_candidate")
            ),
            migrations.AddConstraint(
                "session",
                models.UniqueConstraint(
                    fields=("entry", "candidate"),
                    condition=Q(("status__in", ["claimed", "running"])),
                    name="one_open_session_per_candidate",
                ),
            ),
            AddCheck(
                "session",
                models.CheckConstraint(condition=Q(("outcome__in", [*OUTCOMES, ""])), name="session_outcome_known"),
            ),
        ]
    )
