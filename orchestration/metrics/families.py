"""The metrics: names, labels, help texts. `docs/reference/metrics.md` lists the same, and a test compares them."""

from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

Metric = CounterMetricFamily | GaugeMetricFamily


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    help: str
    labels: tuple[str, ...] = ("workspace",)
    is_counter: bool = False

    @property
    def exposed(self) -> str:
        """The name that Prometheus sees: counters end with `_total`."""
        return f"{self.name}_total" if self.is_counter else self.name


HOST = ("host", "host_id")
FAMILIES = {
    family.name: family
    for family in [
        Family(
            "muster_spend_usd",
            "Charged, in USD: what corrections took back is still in it.",
            ("workspace", "category"),
            is_counter=True,
        ),
        Family("muster_spent_usd", "What counts against the cap, in USD: after corrections.", ("workspace", "category")),
        Family(
            "muster_tokens",
            "Tokens on record, by model; `input`: neither read from a cache nor written to one.",
            ("workspace", "category", "model", "kind"),
            is_counter=True,
        ),
        Family("muster_reserved_usd", "Reserved by open sessions and runs, in USD."),
        Family("muster_cap_usd", "The hard cap, in USD."),
        Family(
            "muster_entries",
            "Entries, by status and by the reason why they wait, as far as it is stored; an unanswered question is.",
            ("workspace", "status", "reason"),
        ),
        Family("muster_oldest_ready_seconds", "Since the last change of the oldest entry that waits for nothing but a slot."),
        Family(
            "muster_oldest_startable_seconds",
            "Since the last change of the oldest entry that could start now and does not, from the heads of the five oldest lines; 0: there is none.",
        ),
        Family("muster_sessions", "Open sessions and runs.", ("workspace", "role", "phase", "host")),
        Family(
            "muster_rounds",
            "Rounds that ended, by verdict. One that gets another verdict counts again.",
            ("workspace", "verdict"),
            is_counter=True,
        ),
        Family("muster_sessions_ended", "Sessions and runs that ended.", ("workspace", "role", "outcome"), is_counter=True),
        Family(
            "muster_landings",
            "Work that left the queue of the integration branch, by result; `kind` is `entry`, `base` or `revert`.",
            ("workspace", "kind", "result"),
            is_counter=True,
        ),
        Family(
            "muster_landings_open",
            "Verified work that has not landed yet; `waiting_for_host`: its commit is on another host alone.",
            ("workspace", "state"),
        ),
        Family(
            "muster_oldest_landing_seconds",
            "Since the oldest landing that is open was queued, whatever it waits for but a person.",
        ),
        Family("muster_integration_good", "1 while work may start from the integration branch.", ("workspace", "state")),
        Family(
            "muster_gateway_requests",
            "Requests in the gateway: `waiting` for money, `waiting_for_provider`, or `sent`.",
            ("workspace", "state"),
        ),
        Family("muster_gateway_unknown_usd", "Reserved for requests whose cost is not known, in USD."),
        Family("muster_gateway_refused", "Requests refused because there was no money.", is_counter=True),
        Family("muster_executor_running", "1 while the executor runs.", ("workspace", "state")),
        Family("muster_circuit_breaker_open", "1 while a circuit breaker is open.", ("workspace", "of", "code")),
        Family("muster_worker_slots", "Slots of the session workers that are online.", HOST),
        Family("muster_host_draining", "1 while a host takes no new sessions.", HOST),
        Family("muster_host_gone", "1 while no session worker of a host was seen for a lease, until it is forgotten.", HOST),
        Family("muster_host_trouble", "1 while a host has a problem, which the page of hosts names.", HOST),
        Family(
            "muster_host_version_refused",
            "1 while a session worker of this version may not run beside the server's release: it gets no session.",
            (*HOST, "version"),
        ),
        Family(
            "muster_worker_seen_seconds", "Since the process of the queue that was seen last on this host.", ("host", "queue")
        ),
        Family("muster_tick_age_seconds", "Since the last tick of any control worker.", ()),
        Family(
            "muster_backup_age_seconds",
            "Since the last backup that lacks nothing; before the first, since the first workspace.",
            (),
        ),
    ]
}
LABELS = {family.exposed: family.labels for family in FAMILIES.values()}


def new(name: str) -> Metric:
    """An empty metric. A name that is not listed is a programming error (KeyError)."""
    family = FAMILIES[name]
    kind = CounterMetricFamily if family.is_counter else GaugeMetricFamily
    return kind(family.name, family.help, labels=family.labels)
