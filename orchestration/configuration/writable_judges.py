"""Refusal of setup and verify programs in agents' reach: below `sandbox.write` an agent could rewrite its own judge."""

import os
from collections.abc import Iterator
from pathlib import Path

from orchestration.configuration.config.fields import Command
from orchestration.configuration.config.workspace import Config
from orchestration.processes.programs import Finder, link_target
from orchestration.processes.sandbox import is_in

MAX_LINKS = 40  # links may form a loop


def problems(config: Config) -> dict[str, str]:
    """Sentences by property about commands with an agent-writable file. Programs are resolved on this host's PATH."""
    if config.sandbox.mode == "none" or not config.sandbox.write:
        return {}
    finder = Finder(os.environ.get("HOME", ""), os.environ.get("PATH", ""))
    places = {place for path in config.sandbox.write for place in _resolution(finder.expanded(path))}
    sentences = {}
    for name, command in _commands(config):
        named = finder.named(command) | finder.of_commands([command])
        for path in sorted(map(str, named)):
            if any(is_in(own, place) for own in _resolution(path) for place in places) and not _is_cache(name, path):
                sentences[name] = (
                    f"{path} lies below sandbox.write: an agent could rewrite what judges its work. Keep it elsewhere"
                )
                break
    return sentences


def _commands(config: Config) -> Iterator[tuple[str, Command]]:
    yield from ((f"setup.{n}", command) for n, command in enumerate(config.setup))
    for n, service in enumerate(config.services):
        yield f"services.{n}.run", service.run
        yield f"services.{n}.ready", service.ready
        if service.prepare is not None:
            yield f"services.{n}.prepare.run", service.prepare.run
    yield from ((f"verify.{n}.run", check.run) for n, check in enumerate(config.verify))


def _is_cache(name: str, path: str) -> bool:
    """True for a folder of setup, such as a package manager's cache."""
    return name.startswith("setup.") and not Path(path).is_file() and (Path(path).is_dir() or not Path(path).suffix)


def _resolution(path: str) -> set[str]:
    """The path, its target, and each link on the way. A judge behind a link out of sandbox.write had been accepted, and an agent could replace that link."""
    passed, waiting = {os.path.realpath(path)}, [os.path.normpath(path)]
    while waiting and len(passed) < MAX_LINKS:
        place = Path(waiting.pop())
        targets = {folder: link_target(folder) for folder in (place, *place.parents)}
        steps = {os.path.normpath(target / place.relative_to(link)) for link, target in targets.items() if target is not None}
        waiting += steps - passed
        passed.add(str(place))
    return passed
