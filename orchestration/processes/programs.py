"""The installations of the programs of a workspace's commands: people keep their tools at home, and a sandbox shows what is named.

Reads the file system, and changes nothing.
"""

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from orchestration.processes.sandbox import is_in

PROGRAM_FOLDERS = ("bin", "sbin", "shims", "libexec")
NEVER_WHOLE = (
    *("/", "/bin", "/boot", "/dev", "/etc", "/home", "/mnt", "/opt", "/proc", "/root", "/run"),
    *("/srv", "/sys", "/tmp", "/usr", "/var", "/work"),
)
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/nix", "/proc", "/dev", "/sys")  # a sandbox has its own, or none
PARTS = ("lib", "lib64", "libexec", "pyvenv.cfg")  # of an installation that needs more than its folder of programs
MANAGERS = (".volta", ".sdkman", ".jenv", ".asdf", "mise")
MAX_LINKS = 300
MAX_DEPTH = 5
_SEPARATORS = re.compile(r"[\s;&|()<>`\"']+")


class Finder:
    """`home`: the user's. `search`: the folders of PATH."""

    def __init__(self, home: str, search: str) -> None:
        self.home = Path(home) if os.path.isabs(home) else Path("/nonexistent")
        self.folders = [Path(folder) for folder in dict.fromkeys(search.split(os.pathsep)) if os.path.isabs(folder)]

    def of_commands(self, commands: Iterable[str | Sequence[str]]) -> set[Path]:
        """The files and folders that the commands name, and the installations of their programs."""
        paths: set[Path] = set()
        for command in commands:
            for word in self._words(command):
                paths |= self._of_word(word)
        return paths

    def named(self, command: str | Sequence[str]) -> set[Path]:
        """The absolute paths that a command names, there or not."""
        words = (self.expanded(word) for word in self._words(command))
        return {Path(os.path.normpath(word)) for word in words if os.path.isabs(word) and "\0" not in word and len(word) <= 4000}

    def of_path(self) -> set[Path]:
        """The folders of PATH outside of the system's own, with their installations."""
        paths: set[Path] = set()
        for folder in self.folders:
            if os.path.isdir(folder) and not _in_system(folder):
                paths |= self._of_folder(folder)
        return paths

    def of_program(self, name: str) -> set[Path]:
        """The installation of a program on the PATH, or at this path."""
        path = Path(name) if "/" in name else self._which(name)
        return self._of_file(path) if path is not None else set()

    def _words(self, command: str | Sequence[str]) -> Iterator[str]:
        """Every word of a command line that may be a program or a path; also the value of `--option=value`."""
        parts = [command] if isinstance(command, str) else [*command]
        for part in parts:
            for word in {part, *_shell_words(part), *_SEPARATORS.split(part)}:
                yield word
                yield word.partition("=")[2]

    def _of_word(self, word: str) -> set[Path]:
        path = self.expanded(word)
        if "/" not in path:
            program = self._which(path) if path else None
            return self._of_file(program) if program is not None else set()
        if not os.path.isabs(path) or "\0" in path or len(path) > 4000:
            return set()
        place = Path(os.path.normpath(path))
        if os.path.isdir(place):
            return set() if self._is_broad(place) or _in_system(place) else {place}
        return self._of_file(place) if os.path.isfile(place) else set()

    def expanded(self, word: str) -> str:
        for prefix in ("~/", "$HOME/", "${HOME}/"):
            if word.startswith(prefix):
                return f"{self.home}/{word[len(prefix) :]}"
        return word

    def _which(self, name: str) -> Path | None:
        if not name or len(name) > 200 or "\0" in name:
            return None
        return next((path for folder in self.folders if os.path.isfile(path := folder / name) and os.access(path, os.X_OK)), None)

    def _of_folder(self, folder: Path) -> set[Path]:
        """A folder of PATH: the installation that it belongs to, or itself with what its links lead to."""
        if self._is_broad(folder):
            return set()
        if whole := self._installation(folder / "x"):
            return whole
        paths = {folder}
        if folder == self.home / ".cargo/bin":
            paths |= {tools for tools in [self.home / ".rustup"] if os.path.isdir(tools)}  # what the programs there choose from
        for link in [entry for entry in _entries(folder) if os.path.islink(entry)][:MAX_LINKS]:
            paths |= self._of_file(link)
        return paths

    def _of_file(self, path: Path, depth: int = 0) -> set[Path]:
        """The file, what its links lead to, and the interpreter that its first line names: each with its installation."""
        if depth > MAX_DEPTH or _in_system(path):
            return set()
        paths = {path} | self._installation(path)
        target = link_target(path)
        if target is not None:
            return paths | self._of_file(target, depth + 1) | self._of_file(Path(os.path.realpath(path)), depth + 1)
        for interpreter in self._interpreter(path):
            paths |= self._of_file(interpreter, depth + 1)
        return paths

    def _installation(self, path: Path) -> set[Path]:
        """The folder with everything that a program at this path may need."""
        parts = path.parts
        if "node_modules" in parts:
            modules = Path(*parts[: parts.index("node_modules") + 1])
            return set() if _in_system(modules) else {modules}
        prefix = path.parent.parent
        if path.parent.name not in PROGRAM_FOLDERS or self._is_broad(prefix) or _in_system(prefix):
            return set()
        if prefix.name not in MANAGERS and not any(os.path.exists(prefix / part) for part in PARTS):
            return set()  # such as ~/.cargo: beside its programs lie caches and a login
        return {prefix, *self._base_of(prefix)}

    def _base_of(self, environment: Path) -> set[Path]:
        """The interpreter behind a Python environment."""
        try:
            lines = (environment / "pyvenv.cfg").read_text(errors="replace").split("\n")
        except OSError:
            return set()
        homes = [Path(line.partition("=")[2].strip()) for line in lines if line.partition("=")[0].strip() == "home"]
        paths: set[Path] = set()
        for folder in homes:
            if folder.is_absolute() and folder != environment / "bin":
                for place in {folder, Path(os.path.realpath(folder))}:
                    paths |= self._installation(place / "python3")
        return paths

    def _interpreter(self, path: Path) -> list[Path]:
        try:
            with path.open("rb") as file:
                line = file.read(300).split(b"\n")[0]
        except OSError:
            return []
        if not line.startswith(b"#!"):
            return []
        words = os.fsdecode(line[2:]).split()
        if words and os.path.basename(words[0]) == "env":
            words = [word for word in words[1:] if not word.startswith("-") and "=" not in word][:1]
            program = self._which(words[0]) if words else None
            return [program] if program else []
        return [Path(words[0])] if words and os.path.isabs(words[0]) and os.path.isfile(words[0]) else []

    def _is_broad(self, folder: Path) -> bool:
        """Too much to show for one program: a home directory, or a folder of the system."""
        return (
            str(folder) in NEVER_WHOLE
            or folder in (self.home, self.home / ".local", self.home / ".local/share", self.home / ".config")
            or self.home.is_relative_to(folder)
        )


def _shell_words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _in_system(path: Path) -> bool:
    return any(is_in(str(path), folder) for folder in SYSTEM)


def link_target(path: Path) -> Path | None:
    """One step. None: it is no link."""
    try:
        return Path(os.path.normpath(path.parent / os.readlink(path)))
    except OSError:
        return None


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
