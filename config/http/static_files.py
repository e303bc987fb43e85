"""Static files: what is bundled, and where the files with hashed names are collected.

A page loads one style sheet and one script, as bundles of the files in `static/` and of htmx from django-htmx. WhiteNoise serves
the collected files; ADR 26 has the reasons.
"""

import fcntl
import os
import re
import shutil
from pathlib import Path
from threading import get_ident
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.management.commands import collectstatic
from django.core.files.storage import FileSystemStorage, storages
from django.core.management import call_command
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static

BUNDLES = {
    "muster.css": [
        # In the order in which they may overrule each other: what is common first, pages last.
        *(f"css/{name}.css" for name in ("tokens", "base", "shell", "controls", "data", "budget", "review")),
        *(f"css/{name}.css" for name in ("overview", "executor", "entries", "workers", "log", "round", "settings")),
    ],
    "muster.js": [
        "django_htmx/htmx-2.min.js",
        "django_htmx/ext/hx-sse-2.min.js",
        *(f"js/{name}.js" for name in ("streams", "live", "morph", "editing", "regions", "results", "stop")),
        *(f"js/{name}.js" for name in ("keys", "palette", "opening", "copy", "charts")),
    ],
    "workers.js": [f"js/{name}.js" for name in ("workers", "log", "log_tools")],
}
MAX_FOLDERS = 3  # collected builds that stay: a process of the previous version may still serve its own


class BundleFinder(finders.BaseStorageFinder):
    """Offers each bundle as a static file. It is joined anew for each search, so with MUSTER_DEBUG=1 a change shows at once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._folder = settings.DATA_DIR / "bundles"
        self._folder.mkdir(exist_ok=True)
        super().__init__(FileSystemStorage(self._folder), *args, **kwargs)

    def find(self, path: str, *args: Any, **kwargs: Any) -> Any:
        if path not in BUNDLES:
            return []
        self._join(path)
        return super().find(path, *args, **kwargs)

    def list(self, ignore_patterns: Any) -> Any:
        for name in BUNDLES:
            self._join(name)
        return super().list(ignore_patterns)

    def _join(self, name: str) -> None:
        new = self._folder / f".{name}.{get_ident()}"
        new.write_bytes(b"\n".join(_source(name, file).read_bytes() for file in BUNDLES[name]))
        new.replace(self._folder / name)  # another thread may be reading it


def _source(bundle: str, file: str) -> Path:
    path = finders.find(file)
    if path is None:
        raise FileNotFoundError(f"{bundle} needs {file}, which no app has")
    return Path(str(path))


def earlier(request: HttpRequest, name: str) -> HttpResponse:
    """A hashed name that WhiteNoise does not know is of an earlier build: a page that was open during an upgrade gets the current file."""
    try:
        return redirect(static(re.sub(r"\.[0-9a-f]{12}(?=\.\w+$)", "", name)))
    except ValueError:  # the manifest has no such file
        raise Http404 from None


def collect() -> None:
    """Make sure that STATIC_ROOT holds the whole build, before the first handler is made: WhiteNoise lists the folder once.

    Processes that start together wait for the first of them. The folder gets its name when it is complete, and the newest
    `MAX_FOLDERS` remain. Nothing is collected where WhiteNoise looks the files up in their sources anew for each request.
    """
    if settings.WHITENOISE_AUTOREFRESH:
        return
    root: Path = settings.STATIC_ROOT
    root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(root.parent / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "staticfiles.json").exists():
            _collect_into(root)
        os.utime(root)  # the time of its last start decides which folders are the newest
        folders = sorted((path for path in root.parent.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
        for folder in folders[:-MAX_FOLDERS]:
            shutil.rmtree(folder)


def _collect_into(root: Path) -> None:
    new = root.with_suffix(".new")
    for unfinished in (root, new):  # of a process that was killed
        shutil.rmtree(unfinished, ignore_errors=True)
    command = collectstatic.Command()
    command.storage = storages.create_storage(settings.STORAGES["staticfiles"] | {"OPTIONS": {"location": new}})
    call_command(command, interactive=False, verbosity=0)
    new.rename(root)
