"""Events of the activity log: a class per verb defines the data of its lines, their sentence, and whether channels can be notified.

The budget and the orchestration add theirs in `budget/events.py` and `orchestration/events.py`. Verbs and field names are stored and part
of the API: they never change.
"""

import dataclasses
import types
from collections.abc import Iterator, Mapping, Sequence
from string import Formatter
from typing import Any, ClassVar, Literal, Self, Union, dataclass_transform, get_args, get_origin, get_type_hints

Page = Literal["workspace", "entry", "session", "review", "budget", "run"]
SUBJECT = "subject"
TEST = "muster.test"
"""The type of a test message: no event of the log has it."""

_by_verb: dict[str, type["ActivityEvent"]] = {}


def optional(*, default: Any) -> Any:
    """A field that is stored only when it differs from its default."""
    return dataclasses.field(default=default, metadata={"optional": True})


@dataclasses.dataclass(frozen=True)
class ReportLink:
    """`page`: the name of a page of the workspace; `object_id`: what it is about, if anything."""

    words: str
    page: str
    object_id: str = ""


@dataclasses.dataclass(frozen=True)
class Report:
    """A notification of several lines, with links."""

    title: str
    lines: Sequence[str]
    links: Sequence[ReportLink]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(dataclasses.field, optional))
class ActivityEvent:
    """A subclass with a `verb` is registered under it; one without is a base for others.

    `sentence` continues the actor's name. Its fields stand in braces; `{subject}` is a link to the entry or review. `notice` is the title
    of a notification; without one, channels cannot subscribe, nor when it is `addressed`: its writer chooses the channel.
    `page` is where a notification leads, `symbol` a name of the icon sprite.
    """

    verb: ClassVar[str] = ""
    sentence: ClassVar[str] = ""
    notice: ClassVar[str] = ""
    addressed: ClassVar[bool] = False
    page: ClassVar[Page] = "workspace"
    symbol: ClassVar[str] = "dot"

    def __init_subclass__(
        cls,
        *,
        verb: str = "",
        sentence: str = "",
        notice: str = "",
        addressed: bool = False,
        page: Page | None = None,
        symbol: str | None = None,
    ) -> None:
        super().__init_subclass__()
        cls.verb, cls.sentence, cls.notice, cls.addressed = verb, sentence, notice, addressed
        cls.page, cls.symbol = page or cls.page, symbol or cls.symbol
        dataclasses.dataclass(frozen=True, kw_only=True)(cls)
        if verb:
            if verb in _by_verb:
                raise ValueError(f"{verb} is registered already, as {_by_verb[verb].__qualname__}")
            _by_verb[verb] = cls

    def data(self) -> dict[str, Any]:
        """What the log stores."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        values = {field.name: (getattr(self, field.name), field) for field in fields}
        return {name: value for name, (value, f) in values.items() if not f.metadata.get("optional") or value != f.default}

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """From a stored line. Lines of older versions may lack fields: those are empty."""
        hints = get_type_hints(cls)
        values = {}
        for field in dataclasses.fields(cls):  # type: ignore[arg-type]
            missing = _empty(hints[field.name]) if field.default is dataclasses.MISSING else field.default
            values[field.name] = data.get(field.name, missing)
        return cls(**values)

    def words(self) -> dict[str, str]:
        """The values of the sentence's braces."""
        return {field.name: plain(getattr(self, field.name)) for field in dataclasses.fields(self)}  # type: ignore[arg-type]

    def report(self) -> "Report | None":
        """The text of its notification, where that is more than its title, its reason and its data."""
        return None

    def pieces(self) -> Iterator[str | None]:
        """The sentence in parts; None stands for its subject."""
        words = self.words()
        for text, name, _, _ in Formatter().parse(self.sentence):
            if text:
                yield text
            if name is not None:
                yield None if name == SUBJECT else words[name]


def lookup(verb: str) -> type[ActivityEvent] | None:
    """None for a verb of another version of Muster."""
    return _by_verb.get(verb)


def registered() -> dict[str, type[ActivityEvent]]:
    return dict(sorted(_by_verb.items()))


def notices() -> dict[str, str]:
    """Verbs that channels can subscribe to, each with the title of its notifications."""
    return {verb: event.notice for verb, event in registered().items() if event.notice and not event.addressed}


def notice_choices() -> list[tuple[str, str]]:
    return list(notices().items())


def plain(value: Any) -> str:
    """Lists with commas; None as a dash."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "—" if value is None else str(value)


def counted(number: int, singular: str, plural: str) -> str:
    return f"{number} {singular if number == 1 else plural}"


def _empty(hint: Any) -> Any:
    """An empty value of the type; None where the type allows it."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return None if type(None) in get_args(hint) else _empty(get_args(hint)[0])
    kind = origin or hint
    if kind is Sequence:
        return []
    return {} if kind is Mapping else kind() if kind in (str, int, float, bool, list, dict) else None


class ChannelEvent(ActivityEvent):
    name: str
    kind: str


class ChannelAdded(ChannelEvent, verb="channel.added", sentence="added the channel {name}"):
    enabled: bool
    verbs: Sequence[str]
    digest: str = optional(default="")


class ChannelChanged(ChannelEvent, verb="channel.changed", sentence="changed the channel {name}"):
    enabled: bool
    verbs: Sequence[str] | None = optional(default=None)
    secret_replaced: bool = optional(default=False)
    digest: str | None = optional(default=None)


class ChannelRemoved(ChannelEvent, verb="channel.removed", sentence="removed the channel {name}"):
    enabled: bool


class ChannelSwitchedOff(ChannelEvent, verb="channel.switched_off", sentence="switched off the channel {name}"):
    pass


class DeliveryRetried(ActivityEvent, verb="delivery.retried", sentence="sent a notification to {name} again"):
    delivery: int
    name: str


class TokenEvent(ActivityEvent):
    name: str
    prefix: str
    role: str
    expires_at: str | None


class TokenCreated(TokenEvent, verb="token.created", sentence="created the token {name}"):
    pass


class TokenChanged(TokenEvent, verb="token.changed", sentence="changed the token {name}"):
    pass


class TokenRevoked(TokenEvent, verb="token.revoked", sentence="revoked the token {name}"):
    pass


class PersonEvent(ActivityEvent):
    user: str


class PersonMade(PersonEvent, verb="person.made", sentence="created the account of {user} on this server"):
    pass


class PersonLetIn(PersonEvent, verb="person.let_in", sentence="allowed {user} to log in again"):
    pass


class PersonShutOut(PersonEvent, verb="person.shut_out", sentence="deactivated the login of {user}"):
    pass


class PersonMadeServerAdmin(PersonEvent, verb="person.server_admin", sentence="made {user} admin of the whole server"):
    pass


class PersonNoServerAdmin(
    PersonEvent, verb="person.no_server_admin", sentence="removed {user} from the admins of the whole server"
):
    pass


class PersonRenamed(PersonEvent, verb="person.renamed", sentence="changed the name or the address of {user}"):
    pass


class MemberAdded(PersonEvent, verb="member.added", sentence="added {user} to this workspace with the role {role}"):
    role: str


class MemberRoleChanged(PersonEvent, verb="member.role", sentence="changed the role of {user} from {before} to {after}"):
    before: str
    after: str


class MemberRemoved(PersonEvent, verb="member.removed", sentence="removed {user} from this workspace"):
    role: str


class WorkspaceRenamed(ActivityEvent, verb="workspace.renamed", sentence="renamed this workspace from {before} to {after}"):
    before: str
    after: str


class ViewEvent(ActivityEvent):
    name: str


class ViewSaved(ViewEvent, verb="view.saved", sentence="saved the view {name} of the entries"):
    query: str


class ViewRenamed(ViewEvent, verb="view.renamed", sentence="renamed the view {before} to {name}"):
    before: str


class ViewDeleted(ViewEvent, verb="view.deleted", sentence="deleted the view {name} of the entries"):
    query: str
