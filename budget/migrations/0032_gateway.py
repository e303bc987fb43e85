import budget.amounts.money
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from workspaces.triggers import install, keeping_triggers, without_like_indexes


class Migration(migrations.Migration):
    dependencies = [
        ("budget", "0031_several_holds_of_an_account"),
    ]

    operations = [
        *keeping_triggers(
            [
                migrations.AddField(
                    model_name="hold",
                    name="in_flight",
                    field=budget.amounts.money.MoneyField(
                        db_default=0, default=0, help_text="What its requests in the gateway may still cost."
                    ),
                ),
            ]
        ),
        migrations.CreateModel(
            name="GatewayAccess",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("session_ref", models.CharField(help_text="The session, or the permit.", max_length=40)),
                ("category", models.CharField(max_length=12)),
                ("role", models.CharField(max_length=12)),
                ("round", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "agent",
                    models.CharField(
                        blank=True, help_text="The kind of the program: how long it waits for an answer.", max_length=30
                    ),
                ),
                (
                    "model",
                    models.CharField(
                        blank=True, help_text="It may call this one and cheaper ones. Empty: any with a price.", max_length=200
                    ),
                ),
                (
                    "most",
                    budget.amounts.money.MoneyField(
                        blank=True, help_text="It may spend so much of the reservation. Empty: all of it.", null=True
                    ),
                ),
                (
                    "ceiling",
                    budget.amounts.money.MoneyField(default=0, help_text="Up to here the gateway lets the reservation grow."),
                ),
                (
                    "upstreams",
                    models.JSONField(
                        default=dict, help_text="By API: where requests go, and whose key they get. No key stands here."
                    ),
                ),
                ("opened_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "hold",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="accesses", to="budget.hold"),
                ),
            ],
            options={
                "verbose_name_plural": "gateway accesses",
            },
        ),
        migrations.CreateModel(
            name="GatewayRequest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("session_ref", models.CharField(max_length=40)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("sent", "Sent"),
                            ("settled", "Settled"),
                            ("unknown", "Unknown"),
                            ("refused", "Refused"),
                        ],
                        max_length=8,
                    ),
                ),
                ("gateway", models.CharField(help_text="The process that handles it.", max_length=60)),
                ("api", models.CharField(max_length=20)),
                ("credential", models.CharField(blank=True, max_length=200)),
                ("model", models.CharField(help_text="As asked for.", max_length=200)),
                ("answer_model", models.CharField(blank=True, max_length=200)),
                ("bound", budget.amounts.money.MoneyField(help_text="The most that it can cost.")),
                ("amount", budget.amounts.money.MoneyField(default=0, help_text="What is booked of it.")),
                ("output_limit", models.PositiveIntegerField(default=0)),
                ("is_clamped", models.BooleanField(default=False, help_text="The gateway lowered its output limit.")),
                (
                    "is_exact",
                    models.BooleanField(
                        default=True, help_text="False: it uses what Muster cannot bound, and the workspace allows that."
                    ),
                ),
                ("input_tokens", models.BigIntegerField(default=0)),
                ("output_tokens", models.BigIntegerField(default=0)),
                ("cache_read_tokens", models.BigIntegerField(default=0)),
                ("cache_write_tokens", models.BigIntegerField(default=0)),
                ("price_version", models.CharField(blank=True, max_length=40)),
                (
                    "status",
                    models.PositiveSmallIntegerField(
                        blank=True, help_text="Of the provider's answer, or of the gateway's.", null=True
                    ),
                ),
                ("reason", models.CharField(blank=True, help_text="Why it waits, was refused, or is unknown.", max_length=300)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("first_byte_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "access",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="requests", to="budget.gatewayaccess"
                    ),
                ),
                (
                    "hold",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="requests", to="budget.hold"),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="gatewayaccess",
            index=models.Index(fields=["session_ref"], name="accesses_by_session"),
        ),
        migrations.AddIndex(
            model_name="gatewayrequest",
            index=models.Index(fields=["session_ref", "id"], name="requests_by_session"),
        ),
        migrations.AddIndex(
            model_name="gatewayrequest",
            index=models.Index(
                condition=models.Q(("state", "waiting")), fields=["hold", "created_at", "session_ref"], name="requests_waiting"
            ),
        ),
        migrations.AddIndex(
            model_name="gatewayrequest",
            index=models.Index(
                condition=models.Q(("state__in", ["waiting", "sent"])), fields=["gateway"], name="requests_at_work"
            ),
        ),
        migrations.AddIndex(
            model_name="gatewayrequest",
            index=models.Index(
                condition=models.Q(("state", "refused"), ("status", 402)), fields=["hold"], name="requests_without_money"
            ),
        ),
        migrations.AddIndex(
            model_name="gatewayrequest",
            index=models.Index(fields=["ended_at"], name="requests_by_end"),
        ),
        migrations.AddConstraint(
            model_name="gatewayrequest",
            constraint=models.CheckConstraint(condition=models.Q(("bound__gte", 0)), name="a_bound_is_no_refund"),
        ),
        migrations.AddConstraint(
            model_name="gatewayrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gte", 0), ("amount__lte", models.F("bound"))),
                name="no_request_costs_more_than_its_bound",
            ),
        ),
        migrations.AddConstraint(
            model_name="gatewayrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["waiting", "sent", "settled", "unknown", "refused"])),
                name="gatewayrequest_state_known",
            ),
        ),
        without_like_indexes("budget"),
        install("budget", without=["requests_are_covered"]),
    ]
