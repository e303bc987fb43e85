"""The config's keys as form fields: label, help text and type."""

from dataclasses import dataclass, field

from orchestration.configuration import agent_kinds


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


def _agent(at: str) -> tuple[Field, ...]:
    kinds = tuple(agent_kinds.TITLES.items())
    return (
        Field(f"{at}.kind", "Agent", "Which program does the work.", "choice", choices=kinds),
        Field(f"{at}.command", "Command", "Only for the agent of that kind: a line for the shell, or an argument list in JSON.", "command"),
        Field(f"{at}.model", "Model", "As the agent's own program calls it. Empty: its own default."),
        Field(f"{at}.args", "More arguments", "Added to its command line, one on each line.", "lines"),
        Field(f"{at}.env", "Environment", "NAME=value, one on each line. Values are not shown; a line that ends in … keeps its value. Keys belong among the secrets.", "env"),
        Field(f"{at}.settings", "Settings file", "Merged into the settings file that Muster writes for it: an object in JSON.", "json"),
        Field(f"{at}.use_login", "Use a login of the host", "Where the workspace has no key of its own.", "flag"),
        Field(f"{at}.timeout_s", "Session timeout", "The session then ends and its work is kept.", "int", "seconds"),
        Field(f"{at}.idle_timeout_s", "Idle timeout", "A session without output ends after this.", "int", "seconds"),
        Field(f"{at}.provider_patience_s", "Patience with its provider", "How long it may wait for its provider by itself; then the entry waits instead.", "int", "seconds"),
    )  # fmt: skip


SECTIONS = (
    Section("work", "Work", "How much runs at once, and where it goes.", (
        Field("max_workers", "Concurrency", "Sessions that may run in this workspace at the same time.", "int"),
        Field("setup", "Setup commands", "Run once in each fresh worktree, one on each line.", "lines"),
        Field("integration_branch", "Integration branch", "What passes is merged into it. Your own branches stay untouched."),
        Field("log_limit_bytes", "Log size limit", "Of each session; the middle of a longer one is left out.", "int", "bytes"),
    )),
    Section("agent", "Agent", "Who implements the entries.", _agent("agent")),
    Section("verify", "Verification", "What judges each round. Without a check, whatever the agent leaves will pass.", (
        Field("protected", "Protected files", "Patterns of files that judge the work, one on each line (* within a name, ** across folders). "
              "An agent changes them only where its entry names them.", "lines"),
    )),
    Section("verifier", "Verifying agent", "Judges a round against the acceptance criteria once the checks have passed. Charged to the entry.", (
        Field("verifier.round_usd", "Max per round", kind="usd", unit="USD"),
        Field("verifier.weight", "Weight of its score", "Beside those of the checks.", "float"),
        *_agent("verifier.agent"),
    ), "verifier", "Let an agent judge the criteria"),
    Section("interceptor", "Reviewing agent", "Reviews a round's diff before it is verified. Its spend is interceptor spend.", (
        Field("interceptor.round_usd", "Max per round", kind="usd", unit="USD"),
        Field("interceptor.entry_usd", "Max per entry", "Over the entry's life. Empty: no limit.", "usd", "USD"),
        Field("interceptor.workspace_usd", "Max in this workspace", "Over its life. Empty: no limit.", "usd", "USD"),
        *_agent("interceptor.agent"),
    ), "interceptor", "Let an agent review each diff"),
    Section("prompts", "Prompts", "Templates of your own instead of Muster's, in Django's template language.", (
        Field("prompts.implement", "To implement", kind="template"),
        Field("prompts.review", "To review", kind="template"),
        Field("prompts.verify", "To verify", kind="template"),
    )),
    Section("push", "Push", "After each merge, push the integration branch to a remote of the repository.", (
        Field("push.remote", "Remote"),
        Field("push.branch", "Branch there", "Empty: the same name."),
    ), "push", "Push what was merged"),
    Section("money", "Money", "What a session may set aside. The cap and the limits are set on the budget's pages.", (
        Field("round_ceiling_usd", "Max per round", "What a session reserves before it starts.", "usd", "USD"),
        Field("min_round_usd", "Min per round", "With less left, no session starts.", "usd", "USD"),
        Field("hold_slice_usd", "Initial reservation", "A session reserves this much at a time. Empty: all at once.", "usd", "USD"),
        Field("auto_reallocate", "Reallocate budgets", "After each round, among the entries whose budget no person set or locked.", "flag"),
    )),
    Section("plateau", "Plateau", "When an entry that no longer improves is blocked.", (
        Field("plateau.rounds", "After", "Rounds in a row that brought too little.", "int", "rounds"),
        Field("plateau.epsilon", "Too little is less than", "What the score must rise by, from 0 to 1.", "float"),
    )),
)  # fmt: skip

CHECK = (
    Field("name", "Name"),
    Field("run", "Command", "A line for the shell, or an argument list in JSON.", "command"),
    Field("junit", "JUnit file", "Where it writes its cases. Empty: its exit code counts."),
    Field("timeout_s", "Longest", "", "int", "seconds"),
    Field("weight", "Weight", "", "float"),
    Field("rerun", "Run twice when it fails", "", "flag"),
)

FIELDS = {item.path: item for section in SECTIONS for item in section.fields}
