"""Events of the activity log: a class per verb defines the data of its lines, their sentence, and whether channels can be notified.

The budget and the orchestration add theirs in `budget/events.py` and `orchestration/facts/events.py`. Verbs and field names are stored and part
of the API: they never change.
"""

import dataclasses
import inspect
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from string import Formatter
from typing import Any, ClassVar, Literal, Self, Union, cast, dataclass_transform, get_args, get_origin, get_type_hints

Page = Literal["workspace", "entry", "session", "review", "budget", "run"]
SUBJECT = "subject"
TEST = "muster.test"
"""The type of a test message: no event of the log has it."""

formats: dict[str, Callable[[Any], str]] = {}
"""By their names in a sentence. Filled by the layers above, which know amounts."""

_by_verb: dict[str, type["ActivityEvent"]] = {}


class _Optional:
    def __init__(self, default: Any) -> None:
        self.default = default


def optional(*, default: Any) -> Any:
    """A field that is stored only when it differs from its default."""
    return _Optional(default)


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


@dataclass_transform(kw_only_default=True, field_specifiers=(optional,))
class ActivityEvent:
    """A subclass with a `verb` is registered under it; one without is a base for others. Its annotations are its fields, as in a dataclass:
    to generate 150 of those took every process and command a tenth of a second.

    `sentence` continues the actor's name. Its fields stand in braces, with `{count:entry/entries}` for a number and its noun, and
    `{amount_usd:usd}` for an amount; `{subject}` is a link to the entry or review. `notice` is the title of a notification; without
    one, channels cannot subscribe, nor when it is `addressed`: its writer chooses the channel. `page` is where a notification leads,
    `symbol` a name of the icon sprite.
    """

    verb: ClassVar[str] = ""
    sentence: ClassVar[str] = ""
    notice: ClassVar[str] = ""
    addressed: ClassVar[bool] = False
    page: ClassVar[Page] = "workspace"
    symbol: ClassVar[str] = "dot"
    field_defaults: ClassVar[dict[str, Any]] = {}
    """Names, each with `optional(...)`, another default, or `...` where a value is needed."""

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
        cls.field_defaults = cls.field_defaults | {name: cls.__dict__.get(name, ...) for name in inspect.get_annotations(cls)}
        if verb:
            if verb in _by_verb:
                raise ValueError(f"{verb} is registered already, as {_by_verb[verb].__qualname__}")
            _by_verb[verb] = cls

    @classmethod
    def define(cls, verb: str, sentence: str, **traits: Any) -> type[Self]:
        """A subclass without fields of its own. The traits are those of a class statement."""
        return cast(type[Self], types.new_class(verb, (cls,), {"verb": verb, "sentence": sentence} | traits))

    def __init__(self, **values: Any) -> None:
        """Raises TypeError where a field lacks its value, or there is no such field."""
        if unknown := values.keys() - self.field_defaults.keys():
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        for name, default in self.field_defaults.items():
            if name not in values and default is ...:
                raise TypeError(f"{type(self).__name__} needs {name}")
            setattr(self, name, values.get(name, _default(default)))

    def data(self) -> dict[str, Any]:
        """The values that the log stores."""
        values = {name: getattr(self, name) for name in self.field_defaults}
        return {name: value for name, value in values.items() if not self._is_left_out(name, value)}

    def _is_left_out(self, name: str, value: Any) -> bool:
        field = self.field_defaults[name]
        return isinstance(field, _Optional) and bool(value == field.default)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """From a stored line. Lines of older versions may lack fields: those are empty."""
        hints = get_type_hints(cls)
        return cls(
            **{
                name: data.get(name, _empty(hints[name]) if default is ... else _default(default))
                for name, default in cls.field_defaults.items()
            }
        )

    def words(self) -> dict[str, str]:
        """The values of the sentence's braces."""
        return {name: plain(getattr(self, name)) for name in self.field_defaults}

    def report(self) -> "Report | None":
        """The text of its notification, where that is more than its title, its reason and its data."""
        return None

    def pieces(self) -> Iterator[str | None]:
        """The sentence in parts; None stands for its subject."""
        words = self.words()
        for text, name, spec, _ in Formatter().parse(self.sentence):
            if text:
                yield text
            if name is not None:
                yield None if name == SUBJECT else _formatted(getattr(self, name), spec) if spec else words[name]


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


def _formatted(value: Any, spec: str) -> str:
    singular, slash, plural = spec.partition("/")
    return formats[spec](value) if spec in formats else counted(value, singular, plural) if slash else format(value, spec)


def counted(number: int, singular: str, plural: str) -> str:
    return f"{number} {singular if number == 1 else plural}"


def _default(field: Any) -> Any:
    return field.default if isinstance(field, _Optional) else field


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


ChannelSwitchedOff = ChannelEvent.define("channel.switched_off", "switched off the channel {name}")


class DeliveryRetried(ActivityEvent, verb="delivery.retried", sentence="sent a notification to {name} again"):
    delivery: int
    name: str


class TokenEvent(ActivityEvent):
    name: str
    prefix: str
    role: str
    expires_at: str | None


TokenCreated = TokenEvent.define("token.created", "created the token {name}")
TokenChanged = TokenEvent.define("token.changed", "changed the token {name}")
TokenRevoked = TokenEvent.define("token.revoked", "revoked the token {name}")


class PersonEvent(ActivityEvent):
    user: str


PersonMade = PersonEvent.define("person.made", "created the account of {user} on this server")
PersonLetIn = PersonEvent.define("person.let_in", "allowed {user} to log in again")
PersonShutOut = PersonEvent.define("person.shut_out", "deactivated the login of {user}")
PersonMadeServerAdmin = PersonEvent.define("person.server_admin", "made {user} admin of the whole server")
PersonNoServerAdmin = PersonEvent.define("person.no_server_admin", "removed {user} from the admins of the whole server")
PersonRenamed = PersonEvent.define("person.renamed", "changed the name or the address of {user}")
PersonLoggedIn = PersonEvent.define("person.logged_in", "logged in by single sign-on")
PersonLoginRefused = PersonEvent.define("person.login_refused", "was refused by single sign-on")
PersonLoginOver = PersonEvent.define("person.login_over", "ended the login of {user}")
SecondFactorOn = PersonEvent.define("person.second_factor_on", "set up a second factor")
SecondFactorOff = PersonEvent.define("person.second_factor_off", "removed the second factor")


class PasskeyEvent(PersonEvent):
    name: str


PasskeyAdded = PasskeyEvent.define("person.passkey_added", "added the passkey {name}")
PasskeyRemoved = PasskeyEvent.define("person.passkey_removed", "removed the passkey {name}")


class GroupEvent(ActivityEvent):
    group: str
    role: str


GroupRoleSet = GroupEvent.define("group.role", "gave the group {group} the role {role}")
GroupRoleRemoved = GroupEvent.define("group.removed", "took the role {role} from the group {group}")


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
