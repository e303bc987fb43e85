"""A GitHub whose repositories' branches are those of bare repositories on this machine. Its answers are the examples of GitHub's own document with what
happened put in, and Prism stands before it: a request or an answer that the document does not allow is refused and noted."""

import json
import re
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.faults.harness import until
from tests.forges import documents
from tests.orchestration.git.repositories import git

LONG_AGO = "2026-01-05T10:00:00Z"
NUMBER = 2
"""Of the first pull request, as in the published payloads."""


@dataclass
class Repository:
    """`refusals`: the answers to the next requests about pull requests: status, headers, message. `after_creation`: what happens
    before the answer, once. `asked`: method and path below it."""

    name: str
    remote: Path
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    check_runs: list[dict[str, Any]] = field(default_factory=list)
    line_comments: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    talk: list[dict[str, Any]] = field(default_factory=list)
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    issue_events: list[dict[str, Any]] = field(default_factory=list)
    issue_talk: list[dict[str, Any]] = field(default_factory=list)
    writers: set[str] = field(default_factory=lambda: {"ana"})
    refusals: list[tuple[int, dict[str, str], str]] = field(default_factory=list)
    after_creation: Callable[[], None] | None = None
    asked: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def issue(self, title: str, text: str) -> int:
        """A new issue of a stranger."""
        number = 50 + len(self.issues)
        issue: dict[str, Any] = documents.example("get", "/issues/{issue_number}")
        issue.pop("pull_request", None)
        about = {"number": number, "id": 9000 + number, "title": title, "body": text, "labels": [], "state": "open"}
        self.issues[number] = (
            issue | about | {"html_url": f"https://github.com/{self.name}/issues/{number}", "updated_at": _now()}
        )
        return number

    def label(self, number: int, label: str, *, by: str = "ana") -> dict[str, Any]:
        """Add it. Returns the payload that GitHub posts then."""
        issue = self.issues[number]
        issue["labels"].append(documents.example("get", "/labels")[0] | {"name": label})
        issue["updated_at"] = _now()
        event = documents.example("get", "/issues/{issue_number}/events")[0]
        event |= {"id": 700 + len(self.issue_events), "event": "labeled", "label": {"name": label, "color": "red"}}
        event["actor"] |= {"login": by}
        self.issue_events.append(event | {"created_at": _now(), "number": number})
        return documents.payload("issues", "labeled") | {"issue": issue}

    def count(self, request: str) -> int:
        return self.asked.count(request)

    def head(self, branch: str) -> str:
        return git(self.remote, "rev-parse", f"refs/heads/{branch}")

    def create(self, draft: dict[str, Any]) -> dict[str, Any]:
        number = NUMBER + len(self.pulls)
        pull: dict[str, Any] = documents.example("post", "/pulls")
        pull |= {"id": 279147437 + number, "number": number, "html_url": f"https://github.com/{self.name}/pull/{number}"}
        pull |= {"title": draft["title"], "body": draft["body"], "state": "open", "locked": False, "requested_teams": []}
        pull |= {"merged": False, "merged_at": None, "merged_by": None, "closed_at": None, "merge_commit_sha": None}
        pull["head"]["ref"], pull["base"]["ref"] = draft["head"], draft["base"]
        self.pulls[number] = pull
        return pull

    def shown(self, number: int) -> dict[str, Any]:
        pull = self.pulls[number]
        if pull["state"] == "open":
            pull["head"]["sha"] = self.head(pull["head"]["ref"])
        return pull

    def check(self, name: str, conclusion: str, words: str = "") -> None:
        """A check run of the newest pull request's head, of another app than GitHub Actions, whose logs are a redirect that Prism would follow."""
        run = documents.example("get", "/commits/{ref}/check-runs")["check_runs"][0]
        run |= {"id": 7000 + len(self.check_runs), "name": name, "head_sha": self.shown(max(self.pulls))["head"]["sha"]}
        run |= {"status": "completed", "conclusion": conclusion}
        run["output"] |= {"title": name, "summary": words, "text": None}
        self.check_runs.append(run)

    def comment_on_line(self, path: str, line: int, text: str, *, association: str = "COLLABORATOR") -> None:
        comment = documents.example("get", "/pulls/{pull_number}/comments")[0]
        comment |= {"id": 100 + len(self.line_comments), "path": path, "line": line, "body": text, "updated_at": LONG_AGO}
        self.line_comments.append(comment | {"author_association": association})

    def comment(self, text: str) -> None:
        comment = documents.example("get", "/issues/{issue_number}/comments")[0]
        self.talk.append(comment | {"id": 500 + len(self.talk), "body": text, "updated_at": LONG_AGO, "minimized": None})

    def approve(self) -> None:
        review = documents.example("get", "/pulls/{pull_number}/reviews")[0]
        head = self.shown(max(self.pulls))["head"]["sha"]
        self.reviews.append(review | {"state": "APPROVED", "body": "", "commit_id": head, "submitted_at": LONG_AGO})

    def squash(self, number: int, copy: Path) -> None:
        """A person squashes it into its base, in a clone of theirs."""
        pull = self.shown(number)
        git(copy.parent, "clone", "--quiet", str(self.remote), str(copy))
        git(copy, "merge", "--squash", "--quiet", f"origin/{pull['head']['ref']}")
        who = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com"]
        git(copy, *who, "commit", "--quiet", "-m", f"{pull['title']} (#{number})")
        git(copy, "push", "--quiet", "origin", f"HEAD:{pull['base']['ref']}")
        self.end(number, merge_commit=git(copy, "rev-parse", "HEAD"))

    def end(self, number: int, *, merge_commit: str | None = None) -> None:
        """Merged with this commit, or closed."""
        pull = self.shown(number)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        pull |= {"state": "closed", "closed_at": now}
        if merge_commit:
            person = dict(pull["user"], login="ana")
            pull |= {"merged": True, "merged_at": now, "merged_by": person, "merge_commit_sha": merge_commit}


class GitHub(ThreadingHTTPServer):
    """Repositories by name."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, Repository] = {}
        threading.Thread(target=self.serve_forever, args=[0.01], daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: GitHub
    repository: Repository

    def do_GET(self) -> None:
        path, query = self._path()
        here = self.repository
        if path.startswith("/pulls") and self._is_refused():
            return
        single = re.fullmatch(r"/pulls/(\d+)", path)
        if path == "/pulls":
            branch = query["head"][0].partition(":")[2]
            self._answer(
                200, [_listed(here.shown(number)) for number, pull in here.pulls.items() if pull["head"]["ref"] == branch]
            )
        elif single and int(single[1]) in here.pulls:
            self._answer(200, here.shown(int(single[1])))
        elif runs := re.fullmatch(r"/commits/(\w+)/check-runs", path):
            mine = [run for run in here.check_runs if run["head_sha"] == runs[1]]
            self._answer(200, {"total_count": len(mine), "check_runs": mine})
        elif status := re.fullmatch(r"/commits/(\w+)/status", path):
            combined = documents.example("get", "/commits/{ref}/status")
            self._answer(200, combined | {"sha": status[1], "total_count": 0, "statuses": []})
        elif (of_issues := self._of_issues(path, query)) is not None:
            self._answer(200, of_issues)
        elif path.endswith("/comments"):
            self._answer(200, here.line_comments if path.startswith("/pulls") else here.talk)
        elif path.endswith("/reviews"):
            self._answer(200, here.reviews)
        else:
            self._answer(404, {"message": "Not Found"})

    def _of_issues(self, path: str, query: dict[str, list[str]]) -> Any:
        here = self.repository
        if path == "/user":
            return documents.example("get", "/user") | {"login": "muster-account"}
        if person := re.fullmatch(r"/collaborators/([\w-]+)/permission", path):
            answer = documents.example("get", "/collaborators/{username}/permission")
            role = "write" if person[1] in here.writers else "read"
            return answer | {"permission": role, "role_name": role, "user": answer["user"] | {"role_name": role}}
        if path == "/issues":
            mine = [issue for issue in here.issues.values() if query["labels"][0] in {each["name"] for each in issue["labels"]}]
            return [issue for issue in mine if issue["state"] == query["state"][0]]
        if (of := re.fullmatch(r"/issues/(\d+)(/events|/comments)?", path)) is None or int(of[1]) not in here.issues:
            return None
        if of[2] == "/comments":
            return here.issue_talk
        events = [
            {name: value for name, value in event.items() if name != "number"}
            for event in here.issue_events
            if event["number"] == int(of[1])
        ]
        return events if of[2] else here.issues[int(of[1])]

    def do_POST(self) -> None:
        path, _ = self._path()
        draft = self._body()
        if path.startswith("/issues/"):
            comment = documents.example("get", "/issues/{issue_number}/comments")[0]
            self.repository.issue_talk.append(comment | {"body": draft["body"], "updated_at": _now(), "minimized": None})
            self._answer(201, self.repository.issue_talk[-1])
            return
        if self._is_refused():
            return
        pull = self.repository.create(draft)
        happens, self.repository.after_creation = self.repository.after_creation, None
        if happens is not None:
            happens()
        self._answer(201, self.repository.shown(pull["number"]))

    def do_PATCH(self) -> None:
        path, _ = self._path()
        changes = self._body()
        if not self._is_refused():
            number = int(path.rpartition("/")[2])
            pull = self.repository.issues[number] if path.startswith("/issues") else self.repository.shown(number)
            pull |= changes
            self._answer(200, pull)

    def do_PUT(self) -> None:
        path, _ = self._path()
        order = self._body()
        pull = self.repository.shown(int(path.split("/")[2]))
        if self._is_refused():
            return
        if order["sha"] != pull["head"]["sha"]:
            self._answer(409, {"message": "Head branch was modified. Review and try the merge again."})
            return
        git(self.repository.remote, "update-ref", f"refs/heads/{pull['base']['ref']}", order["sha"])
        self.repository.end(pull["number"], merge_commit=order["sha"])
        self._answer(200, {"sha": order["sha"], "merged": True, "message": "Pull Request successfully merged"})

    def _path(self) -> tuple[str, dict[str, list[str]]]:
        """Note the request. Returns its path below the repository, and its query."""
        address = urlsplit(self.path)
        if address.path == "/user":
            self.repository = Repository("", Path())
            return "/user", {}
        _, _, owner, name, below = address.path.split("/", 4)
        self.repository, path = self.server.repositories[f"{owner}/{name}"], f"/{below}"
        self.repository.asked.append(f"{self.command} {path}")
        self.repository.tokens.add(self.headers.get("Authorization", ""))
        return path, parse_qs(address.query)

    def _body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return body

    def _is_refused(self) -> bool:
        if not self.repository.refusals:
            return False
        status, headers, message = self.repository.refusals.pop(0)
        content = {"message": message, "documentation_url": "https://docs.github.com/rest"}
        self._send(status, json.dumps(content).encode(), "application/json", **headers)
        return True

    def _answer(self, status: int, content: Any) -> None:
        self._send(status, json.dumps(content).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _listed(pull: dict[str, Any]) -> dict[str, Any]:
    """In a list GitHub leaves these out."""
    return {name: value for name, value in pull.items() if name not in ("merged", "merged_by")}


class Prism:
    """Between Muster and `github`. A request or an answer that GitHub's document does not allow gets an error."""

    def __init__(self, github: GitHub, log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        program = documents.folder() / ".bin/prism"
        command = [program, "proxy", documents.api(), github.url, "--errors", "--port", str(port)]
        with open(log, "wb") as out:
            self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        until(self._answers, 180, every=0.2)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", int(self.url.rpartition(":")[2])), 1):
            return True
        return False

    def violations(self) -> list[str]:
        """The document's violations, in Prism's words. It only warns of an answer's status that the document does not list, such as 404."""
        return [
            line.partition("Violation:")[2].strip()
            for line in self.log.read_text().splitlines()
            if re.search("error +Violation:", line)
        ]

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)
