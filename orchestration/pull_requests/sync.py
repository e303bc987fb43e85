"""Looks at open pull requests and does what `deciding` says. The control worker calls it at every tick; a webhook only makes a row due."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils.timezone import now

from budget.amounts import exact_usd
from orchestration import configuration
from orchestration.configuration import Config, secrets
from orchestration.facts.reasons import Reason
from orchestration.forges.shared import interface
from orchestration.forges.shared.interface import Check, Comment, Draft, Forge, ForgeError, Problem
from orchestration.forges.shared.webhooks import Delivery
from orchestration.landing import branch, reads
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor, ForgeDelivery, PullRequest, Round
from orchestration.pull_requests import connecting, deciding, requests, stacking, texts
from orchestration.pull_requests.deciding import Adopt, Closed, Decision, Merge, Merged, SendBack, View, Wait
from orchestration.verdicts import store
from workspaces.errors import NotFound
from workspaces.secrets import masking
from workspaces.secrets.masking import Mask
from workspaces.values.standing_query import StandingQuery

log = structlog.get_logger(__name__)

EVERY_S = 60
"""The safety net behind webhooks. What has not changed costs nothing of the forge's limit."""
LOOK_S = 45
"""After that another process may look: the first one was killed, or its forge is slow. Two at once ask twice, and do nothing twice."""
MAX_AT_ONCE = 20
OF_ALL = (Problem.RATE_LIMITED, Problem.UNREACHABLE, Problem.AUTH)
"""These are the forge's: it is not asked about another pull request of the workspace either."""
FIRST_PAUSE_S, MAX_PAUSE_S = 15, 900


def run_due() -> int:
    """Look at each row that is due, the longest unseen first. Returns how many."""
    ids = list(due().values_list("pk", flat=True)[:MAX_AT_ONCE]) if _any_due.any() else []
    return sum(look(id_) for id_ in ids)


def due() -> QuerySet[PullRequest]:
    """Rows to look at: pushed, not waiting for a limit, and no other process looks."""
    free = Q(look_until__isnull=True) | Q(look_until__lt=Now())
    allowed = Q(retry_at__isnull=True) | Q(retry_at__lt=Now())
    is_time = Q(due=True) | Q(looked_at__isnull=True) | Q(looked_at__lt=Now() - timedelta(seconds=EVERY_S))
    alive = {"workspace__deleted_at__isnull": True, "entry__deleted_at__isnull": True}
    started = ~Q(workspace__executor__state=Executor.State.STOPPED)  # a restored copy leaves them to the Muster that opened them
    undecided = PullRequest.objects.filter(started, state__in=PullRequest.UNDECIDED, **alive)
    return undecided.filter(free, allowed, is_time, pushed=F("head")).order_by(F("looked_at").asc(nulls_first=True), "pk")


_any_due = StandingQuery(due)


def look(row_id: int) -> bool:
    """Look at one, unless another process does. Never raises for errors of the forge: they are shown, and it is tried again."""
    if not due().filter(pk=row_id).order_by().update(look_until=Now() + timedelta(seconds=LOOK_S), due=False):
        return False
    row = PullRequest.objects.select_related("entry__account", "entry__workspace").get(pk=row_id)
    try:
        with masking.hiding(_mask(row, connecting.config_of(row.workspace_id))):
            _look(row)
        _note_success(row)
    except ForgeError as error:
        _note_failure(row, error)
    except NotFound:
        log.info("forge.entry_deleted", entry=row.entry_id)  # meanwhile
    except (DatabaseError, InterfaceError):
        raise
    except Exception:  # one that cannot be understood keeps no other waiting
        log.exception("forge.crashed", entry=row.entry_id)
        _note_failure(row, ForgeError(Problem.INVALID, "Muster could not make use of the forge's answer"))
    finally:
        PullRequest.objects.filter(pk=row_id).update(look_until=None, looked_at=Now())
    return True


def _look(row: PullRequest) -> None:
    config = connecting.config_of(row.workspace_id)
    forge = connecting.forge_of(row.workspace_id, config)
    if row.state == PullRequest.State.OPENING or row.text_due:
        _open(row, forge, config)
    if row.number is None:
        return  # other work took its place meanwhile
    pull = forge.get(row.number)
    waits = row.entry.reason_code == Reason.WAITING_FOR_MERGE and row.entry.deleted_at is None
    is_ours = waits and pull.state == "open" and pull.head == row.head
    view = View(
        pull=pull,
        head=row.head,
        waits=waits,
        now=now(),
        checks=forge.checks(row.head) if is_ours else (),
        comments=requests.new_comments(row, forge.comments(row.number)) if is_ours else (),
        is_approved=is_ours
        and _merges(config)
        and forge.is_approved(row.number, head=row.head, since=row.pushed_at or row.opened_at),
        merges=_merges(config),
        pushed_at=row.pushed_at,
        below=[below.number for below in stacking.unmerged_below(row.entry_id) if below.number] if is_ours else (),
    )
    _carry_out(row, forge, config, view, deciding.decide(view))


def _merges(config: Config) -> bool:
    return config.forge is not None and config.forge.merge_by == "muster"


def _open(row: PullRequest, forge: Forge, config: Config) -> None:
    """Open it, or bring its text up to date."""
    facts = _facts(row, config)
    draft = Draft(row.branch, row.base, texts.title(facts), texts.body(facts))
    if row.number is None:
        others = PullRequest.objects.filter(entry=row.entry_id).exclude(pk=row.pk)
        earlier = set(others.values_list("forge_id", flat=True))
        pull = interface.find_or_create(forge, draft, texts.marker(row.entry_id), earlier=earlier)
    else:
        pull = forge.update(row.number, title=draft.title, body=draft.body)
    requests.opened(row, forge_id=pull.id, number=pull.number, url=pull.url)


def _carry_out(row: PullRequest, forge: Forge, config: Config, view: View, decision: Decision) -> None:
    match decision:
        case Merged(commit, by):
            requests.merged(row, commit, by)
        case Closed(by):
            requests.closed(row, by, _last_comment(forge, row))
        case Adopt(head):
            requests.adopt(row, head)
        case SendBack(checks, comments):
            findings = _findings(row, forge, config, checks, comments)
            requests.send_back(row, findings, view.checks, comments, config.landing.refusals)
        case Merge():
            requests.wait(row, "Green and approved: Muster merges it", view.checks)
            _merge(row, forge, config)
        case Wait(why):
            requests.wait(row, why, view.checks)


def _merge(row: PullRequest, forge: Forge, config: Config) -> None:
    """Merge the pull request. Its new state is read at the next look: the answer to this request may be lost."""
    assert config.forge is not None and row.number is not None
    try:
        forge.merge(row.number, head=row.head, method=config.forge.method)
    except ForgeError as error:
        if error.problem != Problem.MOVED:
            raise
    PullRequest.objects.filter(pk=row.pk).update(due=True)


def _last_comment(forge: Forge, row: PullRequest) -> str:
    """The newest comment of a person there, most likely why it was closed."""
    comments = [each for each in forge.comments(row.number or 0) if deciding.counts(each)]
    return max(comments, key=lambda each: each.at).text.strip()[:400] if comments else ""


def _findings(row: PullRequest, forge: Forge, config: Config, checks: Sequence[Check], comments: Sequence[Comment]) -> list[str]:
    mask = _mask(row, config)
    on_lines = sorted(comments, key=lambda each: (each.path, each.line or 0, each.at))
    by_people = [requests.finding_of(row, comment) for comment in on_lines]
    return [mask(text).replace("\0", "") for text in [*by_people, *(_of_check(forge, check) for check in checks)]]


def _mask(row: PullRequest, config: Config) -> Mask:
    return secrets.mask_for(row.workspace_id, configuration.envs(config))


def _of_check(forge: Forge, check: Check) -> str:
    """A log that cannot be had is no reason to wait: the agent gets the forge's own words then."""
    try:
        log_text = forge.log(check)
    except ForgeError as error:
        if error.problem == Problem.RATE_LIMITED:
            raise
        log_text = ""
    words = deciding.log_end(masking.foreign(log_text or check.detail))
    return f"ci: {check.name} failed on the pull request" + (f". The end of its log:\n{words}" if words else "")


def _facts(row: PullRequest, config: Config) -> texts.Facts:
    entry = row.entry
    newest = Round.objects.filter(entry=entry).order_by("-number").first()
    mask = _mask(row, config)
    shows_cost = config.forge is not None and config.forge.show_cost
    base_url = settings.BASE_URL if settings.BASE_URL.startswith("https://") else ""
    return texts.Facts(
        entry_id=entry.pk,
        seq=entry.seq,
        title=mask(entry.title),
        task=mask(entry.content),
        summary=mask(newest.summary) if newest else "",
        evidence=[mask(line) for line in _evidence(entry)],
        rounds=entry.rounds_completed,
        cost=exact_usd(entry.account.spent) if shows_cost else "",
        below=[below.url for below in stacking.unmerged_below(row.entry_id) if below.url],
        address=f"{base_url}/w/{entry.workspace_id}/backlog/{entry.pk}/" if base_url else "",
    )


def _evidence(entry: Entry) -> Iterator[str]:
    """The results of the checks on the merge into the base, as Muster judged it."""
    landing = requests.proposed(entry.pk)
    if landing is None or landing.tried_verdict is None:
        return
    for check in reads.summary(landing.tried_verdict).checks:
        cases = check.get("cases")
        words = f"{cases['passing']} pass, {store.failing_in(check)} fail" if cases else f"exit {check.get('exit_code', 0)}"
        yield f"`{check.get('name', 'check')}`: {words}"


def _note_success(row: PullRequest) -> None:
    PullRequest.objects.filter(pk=row.pk).exclude(problem="", failures=0).update(problem="", failures=0, retry_at=None)


def _note_failure(row: PullRequest, error: ForgeError) -> None:
    """Show it, and try again: when the forge allows it, else after a pause that grows."""
    pause = min(FIRST_PAUSE_S * 2 ** min(row.failures, 10), MAX_PAUSE_S)
    retry_at = error.until or now() + timedelta(seconds=pause)
    message = str(error)[:500]
    PullRequest.objects.filter(pk=row.pk).update(
        problem=error.problem, message=message, due=True, retry_at=retry_at, failures=F("failures") + 1
    )
    if error.problem in OF_ALL:
        others = PullRequest.objects.filter(workspace_id=row.workspace_id, state__in=PullRequest.UNDECIDED)
        others.update(retry_at=retry_at)
    waits = Entry.objects.filter(pk=row.entry_id, status=Entry.Status.PENDING, reason_code=Reason.WAITING_FOR_MERGE)
    waits.update(reason_message=message)
    log.warning("forge.failed", entry=row.entry_id, problem=str(error.problem), error=error.detail[:200])
    wake_ups.publish_change(row.workspace_id, "entries", "landing")


def received(workspace_id: str, delivery: Delivery) -> bool:
    """Note a webhook, and make the rows due that it is about. False: it was noted before, and nothing was done."""
    with transaction.atomic():
        named = {"event": delivery.event}
        _, fresh = ForgeDelivery.objects.get_or_create(workspace_id=workspace_id, key=delivery.key, defaults=named)
        if not fresh:
            return False
        about = Q(number__in=delivery.numbers) | Q(head__in=delivery.commits) | Q(branch__in=delivery.branches)
        undecided = PullRequest.objects.filter(workspace_id=workspace_id, state__in=PullRequest.UNDECIDED)
        undecided.filter(about).update(due=True)
        if undecided.filter(base__in=delivery.branches).exists():
            branch.wake(workspace_id)  # the base has moved
    return True
