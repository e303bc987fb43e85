"""The pages of the site and the settings of a workspace, by their words."""

from collections.abc import Iterator

from django.urls import reverse

from dashboard.find.hits import Hit
from dashboard.settings.config import anchor
from dashboard.settings.config_form.fields import SECTIONS
from workspaces.access import Need
from workspaces.models import Workspace

PAGES = (
    ("workspace", "Overview", "progress attention"),
    ("entries", "Entries", "backlog tasks"),
    ("goal", "Plans", "backlog goal proposals runs"),
    ("triggers", "Triggers", "backlog schedule cron nightly"),
    ("locks", "Locks", "files"),
    ("workers", "Sessions", "workers fleet agents at work grid timeline"),
    ("hosts", "Hosts", "sessions machines drain"),
    ("landing", "Landing", "merge integration branch tests"),
    ("budget", "Budget", "money cap spend limits"),
    ("budget-entries", "Budget by entry", "money"),
    ("budget-rounds", "Budget by round", "money most expensive"),
    ("ledger", "Ledger", "money charges corrections"),
    ("changes", "Changes of budgets", "money"),
    ("insight", "Insight", "models agents groups people days waste cost rounds"),
    ("budget-estimates", "Estimates", "money forecast"),
    ("reviews", "Budget reviews", "money"),
    ("executor-page", "Executor", "settings diagnostics concurrency dispatch"),
    ("activity", "Activity", "settings log events history"),
)
SETTINGS = (
    ("settings", "General settings", "rename delete workspace"),
    ("settings-config", "Config", "settings"),
    ("members", "People", "members roles invite settings"),
    ("agent", "Agents, credentials, secrets", "keys providers windows subscription settings"),
    ("notices", "Notices", "notifications channels webhook e-mail slack discord teams digest settings"),
)
SITE = (
    ("workspaces", "Home", "all workspaces queue"),
    ("account", "Account", "time zone theme password preferences"),
    ("tokens", "API tokens", "account"),
    ("second-factor", "Second factor", "passkeys codes totp account login"),
    ("keys", "Keyboard shortcuts", "help keys"),
    ("api-docs", "API documentation", "openapi reference"),
)


def pages(workspace: Workspace | None) -> Iterator[Hit]:
    for name, title, also in PAGES if workspace else ():
        yield Hit(title, _in(workspace, name), also=also)
    for name, title, also in SITE:
        yield Hit(title, reverse(name), also=also)


def settings(workspace: Workspace | None, rights: set[Need]) -> Iterator[Hit]:
    """The pages of settings, and each key of the config where the person may change it."""
    for name, title, also in SETTINGS if workspace else ():
        yield Hit(title, _in(workspace, name), also=also)
    if workspace and Need.ADMIN in rights:
        config = _in(workspace, "settings-config")
        for section in SECTIONS:
            for field in section.fields:
                yield Hit(field.label, f"{config}#{anchor(field.path)}", section.title, f"{field.path} {field.help}")


def _in(workspace: Workspace | None, name: str) -> str:
    return reverse(name, args=[workspace.pk] if workspace else [])
