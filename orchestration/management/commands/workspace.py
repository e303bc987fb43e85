"""`./muster workspace add PATH|URL ...` puts a repository under Muster; `list` shows what there is; `check ID` tries its checks."""

import json
import os
import shutil
import sys
from argparse import ArgumentParser, ArgumentTypeError
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from budget import amounts
from config.system import default_workspace
from orchestration.configuration import secrets, workspace_setup
from orchestration.configuration.config import agent_kinds
from orchestration.maintenance import workspace_check
from orchestration.worker.agents import KINDS
from workspaces.access import Caller
from workspaces.errors import Refused
from workspaces.models import Workspace

COMMAND_LINE = Caller("command line")


def _usd(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ArgumentTypeError(f"{text!r} is not an amount of USD") from None


class Command(BaseCommand):
    help = "Put a git repository under Muster, or list the workspaces."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="show the workspaces")
        check = verbs.add_parser("check", help="run the checks on the base, and look for the agent's program")
        check.add_argument("id", metavar="ID")
        check.add_argument("--again", action="store_true", help="run the checks although their result is known")
        check.add_argument("--timeout", type=float, default=3600, metavar="S", help="how long to wait for the result")
        add = verbs.add_parser("add", help="put a repository under Muster")
        add.add_argument("repo", metavar="PATH|URL")
        add.add_argument("--name", help="default: the folder's name")
        add.add_argument("--base-branch", help="default: the branch that is checked out")
        add.add_argument("--agent", choices=sorted(KINDS), default="command", type=lambda name: name.replace("-", "_"))
        add.add_argument("--command", help="what runs a command or an ACP agent, by sh -c")
        add.add_argument("--model", help="the model that the agent is to use")
        add.add_argument(
            "--secret", action="append", default=[], metavar="NAME", help="a variable of your environment that agents get, sealed"
        )
        add.add_argument("--verify", action="append", default=[], metavar="COMMAND", help="a verify command; may be repeated")
        add.add_argument(
            "--junit", metavar="FILE", help="the JUnit XML that the first verify command writes: scores by its cases"
        )
        add.add_argument("--setup", action="append", default=[], metavar="COMMAND", help="run once in each fresh clone")
        add.add_argument(
            "--budget", type=_usd, default=Decimal(50), metavar="USD", help="the plan that entries share (default 50)"
        )
        add.add_argument("--cap", type=_usd, metavar="USD", help="the hard cap (default: the budget)")
        add.add_argument("--max-workers", type=int, default=4)

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        if verb == "list":
            for workspace in Workspace.objects.filter(deleted_at__isnull=True).order_by("created_at"):
                self.stdout.write(f"{workspace.pk}  {workspace.name}  {workspace.repo}")
            return
        if verb == "check":
            sys.exit(
                workspace_check.run(
                    options["id"], again=options["again"], timeout_s=options["timeout"], write_line=self.stdout.write
                )
            )
        try:
            workspace = self._add(**options)
        except Refused as refused:
            names = ", ".join(getattr(refused, "names", ()))
            raise CommandError(f"{names}: {refused.message}" if names else refused.message) from None
        self.stdout.write(f"{workspace.pk}  {workspace.name}  {settings.BASE_URL}/w/{workspace.pk}/")
        for name in options["secret"]:
            secrets.put(workspace.pk, name, os.environ[name], by=COMMAND_LINE)
        traits = KINDS[options["agent"]].TRAITS
        if traits.binary and shutil.which(traits.binary) is None:
            self.stderr.write(
                f"{agent_kinds.title(options['agent'])} is not on this host's PATH. Install it where the workers run: {traits.install}"
            )
        if not options["verify"]:
            self.stderr.write("No --verify command: every result of the agent will pass.")
        default_workspace.keep(workspace.pk)
        self.stderr.write(
            "It is the default of ./muster from now on (./muster use NAME sets another). "
            'Next: add entries (./muster add "The task", ./muster entries add PLAN, or on its page), then ./muster start.'
        )

    def _add(self, **options: Any) -> Workspace:
        if missing := [name for name in options["secret"] if not os.environ.get(name)]:
            raise CommandError(f"--secret {missing[0]}: there is no such variable in your environment")
        if (agent := agent_kinds.OF_CONFIG.get(options["agent"])) and not options["command"]:
            raise CommandError(f"{agent} needs --command: what to run in the entry's clone")
        config: dict[str, Any] = {"max_workers": options["max_workers"], "agent": {"kind": options["agent"]}}
        if options["command"]:
            config["agent"]["command"] = options["command"]
        if options["model"]:
            config["agent"]["model"] = options["model"]
        config["verify"] = [{"name": f"verify-{n}", "run": run} for n, run in enumerate(options["verify"], start=1)]
        if options["junit"]:
            if not config["verify"]:
                raise CommandError("--junit goes with --verify")
            config["verify"][0]["junit"] = options["junit"]
        config["setup"] = options["setup"]
        repo = options["repo"]
        if "://" not in repo and "@" not in repo:
            repo = str(Path(repo).resolve())
        cap = options["cap"] if options["cap"] is not None else options["budget"]
        try:
            total_budget, max_project_spend = amounts.from_json(options["budget"]), amounts.from_json(cap)
        except amounts.NotMoney as wrong:
            raise CommandError(f"--budget and --cap: {wrong}") from None
        return workspace_setup.create(
            options["name"] or Path(repo.rstrip("/")).name.removesuffix(".git"),
            repo,
            base_branch=options["base_branch"],
            total_budget=total_budget,
            max_project_spend=max_project_spend,
            config=json.loads(json.dumps(config)),
            by=COMMAND_LINE,
        )
