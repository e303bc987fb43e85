"""Runs the instructions of `deploy/Dockerfile` in a folder that holds a Debian system, for machines without a container engine.

    debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,python-is-python3 trixie ROOT
    .venv/bin/python -m tests.deployment.replay ROOT [WORD]

As root. ROOT stands in for the base image, so it needs a Python; /proc and /dev are mounted in it. A RUN that contains WORD is left out.
"""

import fnmatch
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Build:
    root: Path
    user: str = "root"
    folder: str = "/"
    env: dict[str, str] = field(default_factory=lambda: {"PATH": PROGRAMS})

    def carry_out(self, word: str, arguments: str) -> None:
        match word:
            case "RUN":
                self.run(arguments)
            case "COPY":
                self.copy(*(part for part in shlex.split(arguments) if not part.startswith("--")))
            case "USER":
                self.user = arguments
            case "WORKDIR":
                self.folder = arguments
                self.inside(arguments).mkdir(parents=True, exist_ok=True)
            case "ENV":
                self.env.update(part.split("=", 1) for part in shlex.split(arguments))  # type: ignore[misc]
            case "FROM" | "VOLUME" | "EXPOSE" | "CMD":
                pass
            case _:
                raise SystemExit(f"{word} is not replayed: teach tests/deployment/replay.py what it does")

    def run(self, script: str) -> None:
        user = self.user if ":" in self.user else f"{self.user}:{self.user}"
        env = {"HOME": "/root" if user.startswith(("0", "root")) else "/home/muster", **self.env}
        command = ["chroot", f"--userspec={user}", str(self.root), "/bin/sh", "-c", f"cd {self.folder} && {script}"]
        subprocess.run(command, check=True, env=env)

    def copy(self, *names: str) -> None:
        """All that is copied belongs to the user of the image."""
        *sources, target = names
        to = self.inside(target)
        for path in files_of(sources):
            copied = to / path if sources == ["."] else to / path.relative_to(Path(path.parts[0]).parent)
            if sources != ["."] and len(sources) == 1 and (SOURCE / sources[0]).is_dir():
                copied = to / path.relative_to(sources[0])
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(SOURCE / path, copied)
        subprocess.run(["chroot", str(self.root), "chown", "-R", "1000:1000", self.folder], check=True)

    def inside(self, path: str) -> Path:
        return self.root / str(Path(self.folder) / path).lstrip("/")


def files_of(sources: list[str]) -> list[Path]:
    """The tracked files below these names, without what `.dockerignore` names."""
    ignored = (SOURCE / ".dockerignore").read_text().split()
    tracked = subprocess.run(
        ["git", "ls-files", "-z", *sources], cwd=SOURCE, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.split("\0")
    return [Path(name) for name in tracked if name and not any(fnmatch.fnmatch(name.split("/")[0], item) for item in ignored)]


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    lines = [line for line in dockerfile.splitlines() if line.strip() and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [(word, arguments.strip()) for word, _, arguments in (line.partition(" ") for line in joined)]


def main() -> int:
    build, left_out = Build(Path(sys.argv[1]).resolve()), sys.argv[2:]
    for word, arguments in instructions((SOURCE / "deploy/Dockerfile").read_text()):
        is_left_out = word == "RUN" and any(part in arguments for part in left_out)
        print(f"{'LEFT OUT ' * is_left_out}{word} {arguments[:150]}", flush=True)
        if not is_left_out:
            build.carry_out(word, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
