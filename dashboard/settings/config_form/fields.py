"""The config's keys as form fields: label, help text and type."""

from dataclasses import dataclass, field

from budget.categories import steering_words
from orchestration import forges
from orchestration.configuration.config import agent_kinds


@dataclass(frozen=True)
class Field:
    """`path`: the key, dotted. `kind`: how it is written (writing.py). `unit`: what a number counts."""

    path: str
    label: str
    help: str = ""
    kind: str = "text"
    unit: str = ""
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Section:
    """`optional`: a part of the config that may be missing as a whole, with the words of its switch."""

    name: str
    title: str
    help: str
    fields: tuple[Field, ...] = field(default_factory=tuple)
    optional: str = ""
    switch: str = ""


def agent(at: str) -> tuple[Field, ...]:
    """The fields of the agent at this key. One that reviews or proposes has no fallback."""
    kinds = tuple(agent_kinds.TITLES.items())
    fallback = Field(
        f"{at}.fallback", "Fallback", "Names of agents that work while its provider does not serve it, one per line.", "lines"
    )
    return (
        Field(f"{at}.kind", "Agent", "The program that does the work.", "choice", choices=kinds),
        Field(f"{at}.command", "Command", "Only for a command or an ACP agent: a shell command, or an argument list in JSON.", "command"),
        Field(f"{at}.model", "Model", "The name that the agent uses. Empty: its default."),
        Field(f"{at}.effort", "Effort", "How much its model thinks. Empty: as is usual for it.", "choice", choices=_same("low", "medium", "high")),
        Field(f"{at}.args", "More arguments", "Added to the command line, one per line.", "lines"),
        Field(f"{at}.env", "Environment", "NAME=value, one per line. Values are hidden; a line that ends in … keeps its value. Store keys as secrets.", "env"),
        Field(f"{at}.settings", "Settings file", "Merged into the settings file that Muster writes for the agent: a JSON object.", "json"),
        Field(f"{at}.credential", "Credential", "One of the page Agents. Empty: a secret, a key in the environment, or a login."),
        Field(f"{at}.use_login", "Use the host's login", "If the workspace has no key of its own.", "flag"),
        Field(f"{at}.timeout_s", "Session timeout", "The session then ends and its work is kept.", "int", "seconds"),
        Field(f"{at}.idle_timeout_s", "Idle timeout", "A session without output ends after this.", "int", "seconds"),
        Field(f"{at}.provider_patience_s", "Provider timeout", "How long a session waits for its provider; after that the entry waits.", "int", "seconds"),
        *(() if at.endswith(".agent") else (fallback,)),
    )  # fmt: skip


def of_role(name: str) -> tuple[Field, ...]:
    """The fields of a role's agent: the name of one of `agents`, or its own."""
    chosen = Field(
        f"{name}.agent", "Agent by name", "One of the named agents, or default. Empty: an agent of its own, below.", "agent_name"
    )
    return (chosen, *agent(f"{name}.agent"))


def is_first(field: Field) -> bool:
    """True for the fields that say who an agent is, and for those of no agent."""
    return (".agent." not in field.path and not field.path.startswith("agents.")) or field.path.endswith(
        (".kind", ".command", ".model")
    )


def new_agent(at: str) -> tuple[Field, ...]:
    """The fields of a named agent that is not saved yet. It gets the others then."""
    name = Field(f"{at}.name", "Name", "Entries and plans ask for it by this name, such as cheap.")
    return (name, *filter(is_first, agent(at)))


_PUBLIC_SERVERS = " or ".join(f"{title}'s" for title in forges.with_public_server())


def _same(*values: str) -> tuple[tuple[str, str], ...]:
    return tuple((value, value) for value in values)


def _proposer(name: str, safe: str, *more: Field) -> tuple[Field, ...]:
    """An agent that proposes changes of the backlog. `safe`: what it may change without a person in the mode of that name."""
    return (
        Field(f"{name}.run_usd", "Max per run", kind="usd", unit="USD"),
        Field(f"{name}.apply", "Applied without a person", f"safe: {safe}.", "choice", choices=_same("never", "safe", "all")),
        *more,
        *of_role(name),
    )


SECTIONS = (
    Section("work", "Work", "Concurrency, and where work is merged.", (
        Field("max_workers", "Concurrency", "Sessions that may run in this workspace at the same time.", "int"),
        Field("setup", "Setup commands", "Run once in each new clone, one per line.", "lines"),
        Field("env", "Environment of setup and checks", "NAME=value, one per line, whatever agent made the work. Empty: that of the agent below.", "env"),
        Field("integration_branch", "Integration branch", "Passed work is merged into this branch. Your own branches stay untouched."),
        Field("limits.file_mb", "File size limit", "A larger file is not committed, and is a finding.", "int", "MiB"),
        Field("log_limit_bytes", "Log size limit", "Per session; the middle of a longer log is left out.", "int", "bytes"),
    )),
    Section("agent", "Agent", "The agent that implements entries.", agent("agent")),
    Section("agents", "Named agents", "More agents, for the entries that ask for one of them by its name."),
    Section("routes", "Routes", "Agents that work on an entry one after the other: a cheap one first, a better one where it fails.", (
        Field("route", "Route", "Agents, each with its effort, rounds, candidates, such as cheap 2 > default high best of 3. Empty: the agent alone.", "route"),
        Field("routes", "Routes of groups", "One per line, GROUP: ROUTE, such as db*: default high. The first that fits counts.", "routes"),
    )),
    Section("verify", "Verification", "The checks that verify each round. Without a check, every round passes.", (
        Field("protected", "Protected files", "Patterns of files that verify the work, one per line (* within a name, ** across folders). "
              "An agent may change them only if its entry names them.", "lines"),
    )),
    Section("verifier", "Verifying agent", "Judges a round against the acceptance criteria once the checks have passed. Charged to the entry.", (
        Field("verifier.round_usd", "Max per round", kind="usd", unit="USD"),
        Field("verifier.weight", "Weight of its score", "Relative to the weights of the checks.", "float"),
        Field("verifier.required", "A verdict is required", "Off: without its verdict the checks decide alone.", "flag"),
        *of_role("verifier"),
    ), "verifier", "Let an agent judge the criteria"),
    Section("interceptor", "Reviewing agent", "Reviews a round's diff before it is verified. Its spend is interceptor spend.", (
        Field("interceptor.round_usd", "Max per round", kind="usd", unit="USD"),
        Field("interceptor.entry_usd", "Max per entry", "Over the entry's life. Empty: no limit.", "usd", "USD"),
        Field("interceptor.workspace_usd", "Max in this workspace", "Over its life. Empty: no limit.", "usd", "USD"),
        Field("interceptor.required", "A verdict is required", "Off: a review that ends without a verdict is noted, and the round goes on.", "flag"),
        *of_role("interceptor"),
    ), "interceptor", "Let an agent review each diff"),
    Section("planner", "Planning agent", "Turns a goal into proposed entries. Its spend is orchestrator spend.", _proposer(
        "planner", "entries that the money that is not reserved pays a round of. Duplicates never are",
    ), "planner", "Let an agent plan"),
    Section("expander", "Splitting agent", "Splits an entry that is too large. Its spend is expansion spend.", _proposer(
        "expander", "nothing: a person decides on each split",
        Field("expander.on", "Started by", "One a line: no_files, criteria, no_improvement, turns_exhausted. Empty: by people alone.", "lines"),
        Field("expander.max_criteria", "Most criteria", "For criteria: an entry with more is too large.", "int"),
        Field("expander.plateaus", "Plateaus", "For no_improvement: so many times an entry stops at a plateau before it is split.", "int"),
    ), "expander", "Let an agent split entries"),
    Section("orchestrator", "Orchestrating agent", "Proposes what comes first, waits, is dropped or merged. Its spend is orchestrator spend.", _proposer(
        "orchestrator", "other priorities",
        Field("orchestrator.on", "Started by", "One a line: stuck, no_improvement, idle, every_n_rounds. Empty: by people alone.", "lines"),
        Field("orchestrator.cooldown_s", "Pause between runs", "No event starts another one before.", "int", "seconds"),
        Field("orchestrator.every_rounds", "Rounds between runs", "For every_n_rounds.", "int"),
    ), "orchestrator", "Let an agent rearrange the backlog"),
    Section("prompts", "Prompts", "Your own templates instead of Muster's, in Django's template language.", (
        Field("prompts.implement", "To implement", kind="template"),
        Field("prompts.review", "To review", kind="template"),
        Field("prompts.verify", "To verify", kind="template"),
        Field("prompts.plan", "To plan", kind="template"),
        Field("prompts.expand", "To split an entry", kind="template"),
        Field("prompts.orchestrate", "To rearrange the backlog", kind="template"),
    )),
    Section("approve", "Approval", "Verified work that a person approves before it lands.", (
        Field("approve.mode", "Work that waits", "when: one of the next four holds.", "choice", choices=_same("never", "always", "when")),
        Field("approve.paths", "Paths", "The work changes one of these, one pattern per line (* within a name, ** across folders).", "lines"),
        Field("approve.cost_usd", "Cost", "The entry has spent this much, or more. Empty: any.", "usd", "USD"),
        Field("approve.lines", "Changed lines", "Added and removed, this many or more. Empty: any.", "int"),
        Field("approve.labels", "Labels", "The entry's type, or a label that it requires, is one of these, one per line.", "lines"),
        Field("approve.approvers", "Approvers", "User names, one per line: only they decide. Empty: everybody who may operate the workspace.", "lines"),
        Field("approve.lock_hours", "Keep locks", "After this, a person may release the locks of work that waits.", "int", "hours"),
    )),
    Section("landing", "Landing", "Where verified work goes.", (
        Field("land_by", "Verified work", "pull_request: it needs a forge, below.", "choice", choices=_same("merge", "pull_request")),
    )),
    Section("forge", "Forge", "Where pull requests are opened. Its token is the secret FORGE_TOKEN, which no agent gets.", (
        Field("forge.kind", "Kind", kind="choice", choices=_same(*forges.KINDS)),
        Field("forge.repository", "Repository", "Its path there, as team/shop."),
        Field("forge.url", "Address", f"Of a server of your own. Empty: {_PUBLIC_SERVERS}."),
        Field("forge.remote", "Remote", "To which branches are pushed."),
        Field("forge.merge_by", "Merged by", "muster: once CI is green and a person approved it there.", "choice", choices=_same("person", "muster")),
        Field("forge.stack", "Work on top of open pull requests", "What depends on an entry does not wait for its merge.", "flag"),
        Field("forge.method", "Method", "How Muster merges.", "choice", choices=_same("merge", "squash", "rebase")),
        Field("forge.show_cost", "Show the cost", "In the pull request, where others may read it.", "flag"),
    ), "forge", "Open pull requests on a forge"),
    Section("push", "Push", "After each merge, push the integration branch to a remote of the repository.", (
        Field("push.remote", "Remote"),
        Field("push.branch", "Branch there", "Empty: the same name."),
    ), "push", "Push what was merged"),
    Section("sandbox", "Sandbox", "What the processes of a session may see and use on the worker's host.", (
        Field("sandbox.mode", "Mode", "auto: bubblewrap where it works.", "choice", choices=_same("auto", "bubblewrap", "none")),
        Field("sandbox.required", "Required", "Without a working sandbox no session starts.", "flag"),
        Field("sandbox.read", "Readable", "More folders and files of the host, one per line: absolute, or from ~/.", "lines"),
        Field("sandbox.write", "Writable", "More that may also be written to, one per line.", "lines"),
        Field("sandbox.network", "Network", "auto: agents behind the gateway have proxy, all else open. proxy: known hosts only. none: no way out; usage comes on stdout only.", "choice",
              choices=_same("open", "auto", "proxy", "none")),
        Field("sandbox.allow", "Hosts", "More that the proxy lets through, one per line: host, host:port or *.domain.", "lines"),
        Field("limits.memory_mb", "Memory", "Of one process with all that it starts. 0: no limit.", "int", "MiB"),
        Field("limits.processes", "Max processes", "Of one sandbox at once, with their threads. 0: no limit.", "int"),
        Field("limits.write_mb", "Max file", "Of any file that is written. 0: no limit.", "int", "MB"),
    )),
    Section("money", "Money", "Reservations of a session. Set the cap and the limits on the budget pages.", (
        Field("round_ceiling_usd", "Max per round", "What a session reserves before it starts.", "usd", "USD"),
        Field("min_round_usd", "Min per round", "With less left, no session starts.", "usd", "USD"),
        Field("hold_slice_usd", "Initial reservation", "A session reserves this much at a time. Empty: all at once.", "usd", "USD"),
        Field("unknown_after_h", "Unknown answers", "After this time, a request whose answer is not known is booked at what was seen of it.", "int", "hours"),
        Field("gateway", "Gateway", "auto: agents with a key send their requests through it. inexact: also those whose cost has no sure bound.",
              "choice", choices=_same("auto", "inexact", "off")),
        Field("auto_reallocate", "Reallocate budgets", "After each round, among entries with unlocked budgets.", "flag"),
        Field("max_steering_share", "Max share of steering", f"{steering_words(' and ').capitalize()} of all spend, from 0 to 1. Above it no run starts. "
              "Empty: no limit.", "float"),
    )),
    Section("plateau", "Plateau", "Blocks an entry that no longer improves.", (
        Field("plateau.rounds", "After", "Rounds in a row with too little gain.", "int", "rounds"),
        Field("plateau.epsilon", "Min gain", "The score must rise by at least this, from 0 to 1.", "float"),
        Field("doomed_rounds", "Rounds without progress", "end: a message to the agent, then the round ends early. warn: the message alone.",
              "choice", choices=_same("end", "warn", "off")),
    )),
)  # fmt: skip

CHECK = (
    Field("name", "Name"),
    Field("run", "Command", "A shell command, or an argument list in JSON.", "command"),
    Field("junit", "JUnit file", "The file with its test cases. Empty: only the exit code counts."),
    Field("timeout_s", "Timeout", "", "int", "seconds"),
    Field("weight", "Weight", "", "float"),
    Field("rerun", "Retry once on failure", "", "flag"),
    Field(
        "scope",
        "Judges",
        "repository: all files, whatever the entry; entry: what its entry names. Empty: found out.",
        "choice",
        choices=_same("auto", "repository", "entry"),
    ),
)

FIELDS = {item.path: item for section in SECTIONS for item in section.fields}
