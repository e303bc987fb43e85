"""Sentences for events on pages: actor, action, before and after. Pure: values in, text out."""

from collections.abc import Mapping
from typing import Any

from budget.amounts import money
from dashboard.shared.labels import Link

VERBS = {
    "executor.start": "started the executor",
    "executor.pause": "paused the executor",
    "executor.resume": "resumed the executor",
    "executor.stop_all": "stopped everything",
    "executor.force_dispatch": "asked for a dispatch now",
    "session.started": "began work on {}",
    "session.stop": "asked to stop the session on {}",
    "session.kill": "asked to kill the session on {}",
    "session.hold_after": "asked to hold {} after its round",
    "session.hold_after_undone": "no longer wants {} held after its round",
    "session.passed": "finished {}: verified and merged",
    "session.failed": "ended a round of {}: verification said no",
    "session.conflict": "could not merge {}",
    "session.crashed": "ended the session on {}: its agent crashed",
    "session.timed_out": "ended the session on {}: time is up",
    "session.out_of_money": "ended the session on {}: its money is used up",
    "session.stopped": "stopped the session on {}",
    "session.interrupted": "interrupted the session on {}",
    "session.lost": "gave the session on {} up: its worker is gone",
    "session.unavailable": "ended the session on {}: its provider turned it away",
    "agent.unavailable": "holds everything back: no agent can work",
    "agent.available": "goes on: agents can work again",
    "agent.retry": "asked to try the agents again",
    "secret.set": "set a secret",
    "secret.replaced": "replaced a secret",
    "secret.removed": "removed a secret",
    "integration.pushed": "pushed the integration branch again",
    "integration.push_failed": "could not push the integration branch",
    "entries.added": "added {count}",
    "entry.held": "held {}",
    "entry.released": "released {}",
    "entry.reopened": "reopened {}",
    "entry.marked_done": "marked {} done",
    "entry.marked_failed": "gave {} up: marked it failed",
    "entry.blocked": "blocked {}",
    "entry.priority": "set the priority of {} from {before} to {after}",
    "entry.rounds": "changed the rounds of {} from {before} to {after}",
    "entry.spec": "changed the spec of {}",
    "entry.spec_frozen": "froze the spec of {}",
    "entry.reverify": "asked to verify {} again",
    "entry.depends": "changed what {} waits for, from {before} to {after}",
    "entry.dispatch": "asked to dispatch {} now",
    "entry.deleted": "took {} off the backlog",
    "backlog.finished": "brought the backlog to rest",
    "channel.added": "added the channel {name}",
    "channel.changed": "changed the channel {name}",
    "channel.removed": "removed the channel {name}",
    "channel.switched_off": "switched off the channel {name}",
    "delivery.retried": "sent a notice again to {name}",
    "review.opened": "began {}",
    "review.changed": "changed {}",
    "review.requested": "asks for a decision on {}",
    "review.commented": "commented on {}",
    "review.decided": "decided on {}: {verdict}",
    "review.applied": "applied {}: {applied}",
    "review.superseded": "set aside {}",
    "budget.budget": "set the budget of {} from {before} to {after}",
    "budget.human_locked": "{locked} the budget of {}",
    "budget.max_project_spend": "set the cap from {before} to {after}",
    "budget.total_budget": "set the total budget from {before} to {after}",
    "budget.reallocated": "shared out the budgets anew: {changed} changed, {skipped} skipped",
    "budget.funded": "gave {changed} without a budget their share of the plan",
    "budget.made_room": "took {freed} back from shares for several rounds, so that others have their first",
    "budget.threshold": "tells that {percent} % of the cap is spent",
    "budget.thresholds": "set the warnings to {after} percent of the cap",
    "budget.limit": "tells that a limit is reached: {category}, {period}",
    "budget.limit_set": "set a limit ({field}) from {before} to {after}",
    "session.anomaly": "noticed that the session on {} burns fast",
    "permit.opened": "asked for a permit: {category}",
    "permit.closed": "gave a permit back: {category}",
    "spend.corrected": "corrected what was booked",
    "spend.reconciled": "booked what {provider} counted otherwise",
    "entry.parallel": "changed beside what {} may run",
    "entry.assigned": "assigned {} from {before} to {after}",
    "session.reap": "asked to end the session on {}",
    "locks.released": "freed the locks of {}, which nobody used",
    "entries.rebuilt": "mended what entries wait for",
    "budget.rebuilt": "mended the counters of money from the ledger",
    "hold.settled": "settled a hold that was left over",
    "workspace.created": "created this workspace",
    "workspace.configured": "changed the config: {keys}",
    "workspace.deleted": "deleted this workspace",
    "member.added": "made {user} {role} of this workspace",
    "member.role": "changed the role of {user} from {before} to {after}",
    "member.removed": "removed {user} from this workspace",
    "person.made": "made {user} known to this server",
    "person.let_in": "lets {user} log in again",
    "person.shut_out": "lets {user} log in no more",
    "person.server_admin": "made {user} admin of the whole server",
    "person.no_server_admin": "took from {user} that they are admin of the whole server",
    "person.renamed": "changed the name or the address of {user}",
    "token.created": "made the token {name}",
    "token.changed": "changed the token {name}",
    "token.revoked": "revoked the token {name}",
    "workspace.renamed": "renamed this workspace",
}

SYMBOLS = {
    "passed": "done",
    "failed": "failed",
    "crashed": "failed",
    "timed_out": "failed",
    "blocked": "blocked",
    "lost": "unknown",
}


def sentence(verb: str, data: Mapping[str, Any], subject: Link | None) -> list[tuple[str, str]]:
    """The event as (text, URL) pieces. An unknown verb is shown as it is; a subject without a URL is plain text."""
    pattern = VERBS.get(verb, verb.replace("_", " ").replace(".", ": "))
    before, has_subject, after = pattern.partition("{}")
    named = [(subject.text, subject.url) if subject else ("an entry", "")] if has_subject else []
    filled = [(_fill(before, data), ""), *named, (_fill(after, data), "")]
    return [piece for piece in filled if piece[0]]


def symbol(verb: str) -> str:
    return SYMBOLS.get(verb.partition(".")[2], "dot")


def _fill(text: str, data: Mapping[str, Any]) -> str:
    count, changed = data.get("count", 0), data.get("changed", 0)
    words = {
        "{count}": f"{count} {'entry' if count == 1 else 'entries'}",
        "{locked}": "locked" if data.get("after") else "unlocked",
        "{changed}": f"{changed} {'entry' if changed == 1 else 'entries'}",
        "{skipped}": str(data.get("skipped", 0)),
        "{before}": _amount(data, "before"),
        "{after}": _amount(data, "after"),
        **{f"{{{name}}}": str(data.get(name, "")) for name in ("percent", "category", "field", "provider", "user", "role")},
        "{period}": {"day": "today", "all": "over the whole life"}.get(str(data.get("period")), ""),
        "{name}": str(data.get("name", "")),
        "{keys}": ", ".join(map(str, data.get("keys") or ["nothing"])),
        "{user}": str(data.get("user", "")),
        "{role}": str(data.get("role", "")),
        "{verdict}": "approved" if data.get("verdict") == "approve" else "asks for changes",
        "{applied}": f"{data.get('changes', 0)} {'change' if data.get('changes') == 1 else 'changes'}",
    }
    for name, word in words.items():
        text = text.replace(name, word)
    return text


def plain(data: Mapping[str, Any], name: str) -> str:
    """A value of an event: amounts as money, lists with commas, None as a dash."""
    value = data.get(name)
    if name.endswith("_usd") and isinstance(value, (int, float)):
        return money.text(money.usd(value))
    return _plain(value)


def _amount(data: Mapping[str, Any], name: str) -> str:
    amount = data.get(f"{name}_usd")
    return money.text(money.usd(amount)) if isinstance(amount, (int, float)) else _plain(data.get(name))


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return "—" if value is None else str(value)
