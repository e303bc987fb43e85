"""Kills its own process at a named step of a session or of a landing. It is on the PYTHONPATH of the fault tests' Muster only.

A plan is a file in the folder $CRASH_PLANS, named after an entry, or after a workspace for its lander:
`MODULE FUNCTION before|after|freeze N [WORD]...` kills at the N-th call of that function for it, where each WORD is among its arguments;
as many workers as the file `<name>.times` says, else one.
`freeze` stops the process before that call instead, until there is a file `<name>.thaw`. Each plan is carried out once: it is renamed to
`<name>.done` first. The plan `triggers` is for the control worker, which fires them.

The plan `runs` is one for every run of an agent that proposes: `MODULE FUNCTION N` keeps the run's thread before that call for ever, and
touches a file with the run's id. So a test kills one worker with all of its runs at the same step.

A worker process that restarts does not ask the CLIs for their versions again: all of them take ten seconds of CPU. And a CLI that has started
in the sandbox is not started again by the check of each further workspace or changed config: some take two seconds of CPU. Both are kept in
the folder $CRASH_KNOWN, or with the plans.
"""

import functools
import importlib.abc
import importlib.machinery
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

MODULES = {
    "budget.ledger.booking",
    "orchestration.dialogue.progress_warnings",
    "orchestration.dialogue.questions",
    "orchestration.sessions.metering",
    "orchestration.backlog.entry_state",
    "orchestration.sessions.candidates",
    "orchestration.sessions.rounds",
    "orchestration.sessions.lifecycle",
    "orchestration.git.command",
    "orchestration.worker.preparing.candidate_places",
    "orchestration.worker.steps.verifying",
    "orchestration.processes.agent_process",
    "orchestration.sessions.supervise",
    "orchestration.proposals.making",
    "orchestration.landing.branch",
    "orchestration.landing.candidates",
    "orchestration.landing.queue",
    "orchestration.worker.lander.batches",
    "orchestration.worker.lander.judging",
    "orchestration.worker.lander.pushing",
    "orchestration.worker.lander.refs",
    "orchestration.worker.lander.refusals",
    "orchestration.worker.lander.swap",
    "orchestration.worker.steps.reviewing",
    "orchestration.worker.judging.checks",
    "orchestration.git.clones.delivery",
    "orchestration.git.clones.entry_clones",
    "orchestration.git.clones.gitdirs",
    "orchestration.git.clones.store.stores",
}
OF_CONTROL = {"orchestration.triggers.due", "orchestration.triggers.firing"}
PLANS = Path(os.environ.get("CRASH_PLANS", "/nowhere"))
KNOWN = Path(os.environ.get("CRASH_KNOWN", PLANS))
VERSIONS = "orchestration.worker.agents.shared.cli_versions"
CHECKS = "orchestration.worker.agent_checks"
calls_by_run = Counter()


class Finder(importlib.abc.MetaPathFinder):
    """Finds modules as usual, and wraps the functions that a plan may name once they are loaded."""

    def find_spec(self, name, path=None, target=None):
        if name not in MODULES | OF_CONTROL and name not in (VERSIONS, CHECKS):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            if name == VERSIONS:
                module.installed = kept(module.installed)
                return
            if name == CHECKS:
                module._version = kept_by_program(module._version)
                return
            for key, value in list(vars(module).items()):
                if callable(value) and getattr(value, "__module__", "") == name and not isinstance(value, type):
                    setattr(module, key, wrapped(name, key, value))

        spec.loader.exec_module = exec_module
        return spec


def kept(function):
    @functools.wraps(function)
    def installed():
        file = KNOWN / "versions.json"
        if not file.exists():
            keep(file, function())
        return json.loads(file.read_text())

    return installed


def kept_by_program(function):
    """A CLI that does not start is asked again."""

    @functools.wraps(function)
    def version(traits, *args):
        file = KNOWN / f"version.{traits.binary}"
        if file.exists():
            return tuple(json.loads(file.read_text()))
        number, problem = function(traits, *args)
        if number and not problem:
            keep(file, (number, problem))
        return number, problem

    return version


def keep(file, value):
    new = file.with_name(f"{file.name}.{os.getpid()}.{threading.get_ident()}")
    new.write_text(json.dumps(value))
    new.rename(file)


def wrapped(module, name, function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        keep_run(module, name)
        strike(module, name, "before", args)
        result = function(*args, **kwargs)
        strike(module, name, "after", args)
        return result

    return call


def is_worker(queue):
    return f"{queue}@%h" in sys.orig_argv or Path("/proc/self/comm").read_text().strip() == f"muster-{queue}"


def strike(module, name, when, args):
    if module in OF_CONTROL:
        if not is_worker("control"):
            return
    elif not is_worker("sessions"):
        return
    plan = PLANS / ("triggers" if module in OF_CONTROL else subject_of(name, args))
    try:
        planned, function, moment, left, *word = plan.read_text().split()
    except (OSError, ValueError):
        return
    if (planned, function) != (module, name) or not all(part in args for part in word):
        return
    if when != {"freeze": "before"}.get(moment, moment):
        return
    if int(left) > 1:
        plan.write_text(" ".join([planned, function, moment, str(int(left) - 1), *word]))
        return
    if not is_due(plan):
        return
    if moment != "freeze":
        os.kill(os.getpid(), signal.SIGKILL)
    while not plan.with_suffix(".thaw").exists():
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(0.01)  # continued for this long, its other threads end their transactions


def is_due(plan):
    """True for as many workers as `<name>.times` says, one if it is not there. The last one ends the plan."""
    times_file = plan.with_suffix(".times")
    times = int(times_file.read_text()) if times_file.exists() else 1
    for number in range(times):
        try:
            os.close(os.open(plan.with_suffix(f".struck-{number}"), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        if number == times - 1:
            plan.rename(plan.with_suffix(".done"))
        return True
    return False


def keep_run(module, name):
    import structlog

    if not is_worker("sessions"):
        return
    run = str(structlog.contextvars.get_contextvars().get("session"))
    try:
        planned, function, number = (PLANS / "runs").read_text().split()
    except (OSError, ValueError):
        return
    if not run.startswith("run_") or (planned, function) != (module, name):
        return
    calls_by_run[run] += 1
    if calls_by_run[run] == int(number):
        (PLANS / run).touch()
        threading.Event().wait()


def subject_of(name, args):
    """The workspace of this thread's lander, or the entry of its session. A call of `take` knows only the session's id."""
    if name == "take":
        from orchestration.models import Session

        return Session.of_any_role.values_list("entry_id", flat=True).get(pk=args[0]) or "nothing"  # a run has no entry
    import structlog

    bound = structlog.contextvars.get_contextvars()
    return str(bound.get("entry" if bound.get("session") else "workspace") or "nothing")


if {"config.up", "tests.faults.more_workers", "sessions@%h", "control@%h"} & set(
    sys.orig_argv
):  # the first two load what their workers run
    sys.meta_path.insert(0, Finder())
