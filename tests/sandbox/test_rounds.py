"""Whole rounds in which every process is in a sandbox: setup, agent, reviewer, verify commands, and the landing."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.hosts import online
from orchestration.models import Entry, Executor, Session
from orchestration.processes import sandbox_probe
from orchestration.processes.sandbox_probe import Probe
from tests.orchestration.worker.sessions.shop import Shop, entry_of, gives, rounds_of, spends

Make = Callable[..., Shop]


def test_work_passes_and_lands_and_everything_ran_at_one_fixed_place(shop: Make) -> None:
    work = shop(
        f"{spends(0.25)}; pwd > ok; cat $MUSTER_PROMPT_FILE $MUSTER_SPEC_FILE | wc -c",
        setup=["pwd; touch ~/installed"],
        verify=[{"name": "ok", "run": "test -f ok; test -f ~/installed; pwd > report.txt"}],
    )
    session = work.run()
    assert (session.outcome, entry_of(session).account.spent) == ("passed", 250_000), session.outcome_message
    assert work.merged("ok") == f"/work/{entry_of(session).seq}\n"


def test_git_works_inside_and_the_agents_own_commits_count(shop: Make) -> None:
    session = (work := shop("echo yes > ok; git add ok; git commit -qm mine; git status --short")).run()
    assert session.outcome == "passed", session.outcome_message
    assert "mine" in work.git("log", "--format=%s", "muster/integration")


def test_a_judge_shares_no_home_with_the_agent_whose_work_it_judges(shop: Make) -> None:
    work = shop("echo yes > ok; echo planted > ~/planted; echo planted > /tmp/planted",
                verify=[{"name": "alone", "run": "test -f ok && ! test -e ~/planted && ! test -e /tmp/planted"}])  # fmt: skip
    assert work.run().outcome == "passed"


def test_the_home_of_an_entry_is_kept_for_its_next_round(shop: Make) -> None:
    work = shop("if test -f ~/kept; then echo yes > ok; fi; touch ~/kept ~/$MUSTER_ROUND; echo $MUSTER_ROUND > round")
    first = work.run()
    assert (first.outcome, work.run(entry_of(first)).outcome) == ("failed", "passed")


def test_setup_runs_again_where_the_home_that_it_filled_is_gone(shop: Make, settings: Any) -> None:
    work = shop("wc -l < setups > seen; if test $MUSTER_ROUND = 4; then echo yes > ok; fi", setup=["echo once >> setups"],
                plateau={"rounds": 9, "epsilon": 0.01})  # fmt: skip
    entry = entry_of(work.run())
    seen = [work.git("show", f"{entry.branch}:seen")]
    for round_ in (2, 3, 4):
        settings.SANDBOX = "none" if round_ == 3 else "bubblewrap"  # outside of the sandbox it has another home
        if round_ == 4:
            shutil.rmtree(settings.DATA_DIR / "homes")  # as housekeeping does after a long time
        work.run(entry)
        seen.append(work.git("show", f"{entry.branch}:seen"))
    assert seen == ["1", "1", "2", "3"]


def test_no_folder_of_a_session_stays_that_its_processes_made(shop: Make, settings: object) -> None:
    work = shop("echo yes > ok; mkdir /tmp/locked; touch /tmp/locked/x; chmod 000 /tmp/locked",
                verify=[{"name": "ok", "run": "test -f ok; mkdir ~/locked; touch ~/locked/x; chmod 000 ~/locked"}])  # fmt: skip
    session = work.run()
    assert session.outcome == "passed"
    assert not (Path(settings.DATA_DIR) / "sessions" / session.pk / "private").exists()  # type: ignore[attr-defined]


def test_a_program_at_home_that_the_command_names_is_there(shop: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / "agents").mkdir(parents=True)
    (home / "agents/mine.py").write_text("open('ok', 'w').write('from home')")
    (home / "agents/secret").write_text("not named")
    monkeypatch.setenv("HOME", str(home))
    work = shop(f"{sys.executable} ~/agents/mine.py && test $(ls ~/*nts | wc -l) = 1")
    session = work.run()
    assert (session.outcome, work.merged("ok")) == ("passed", "from home"), session.outcome_message


def test_what_the_config_lets_it_write_is_written(shop: Make, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    work = shop(f"echo yes > ok; echo kept > {tmp_path}/cache/file", sandbox={"write": [str(tmp_path / "cache")]})
    assert work.run().outcome == "passed"
    assert (tmp_path / "cache/file").read_text() == "kept\n"


def test_without_network_nothing_is_reached(shop: Make) -> None:
    script = "import socket; socket.create_connection(('127.0.0.1', 9), 5)"
    work = shop(
        f'{sys.executable} -c "{script}" 2> ok; ls /sys/class/net 2>&1; cat /proc/net/dev | wc -l', sandbox={"network": "none"}
    )
    session = work.run()
    assert (session.outcome, "refused" in str(work.merged("ok"))) == ("passed", True), session.outcome_message


def test_a_required_sandbox_that_is_missing_costs_no_attempt_and_names_the_remedy(
    shop: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = shop(spends(0.25), sandbox={"required": True})
    monkeypatch.setattr(sandbox_probe, "_result", Probe(problem="bubblewrap is not installed"))
    session = work.supervise(work.claim())
    entry = entry_of(session)
    assert (session.outcome, entry.not_before) == (Session.Outcome.INTERRUPTED, None)
    assert (entry.status, entry.rounds_completed, entry.account.spent) == (Entry.Status.PENDING, 0, 0)
    assert "bubblewrap is not installed" in online.unreachable(work.workspace.pk)[work.heartbeat.worker.host]
    assert rounds_of(session) == []


def test_a_report_that_is_a_link_to_a_file_of_the_host_is_not_read(shop: Make, tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text('<testsuite><testcase name="a"/></testsuite>')
    work = shop("echo yes > ok", verify=[{"name": "ok", "run": f"ln -sf {tmp_path}/report.xml r.xml", "junit": "r.xml"}])
    session = work.run()
    assert session.outcome == "failed"
    assert "r.xml is a link" in rounds_of(session)[0].findings[0]


def test_a_reviewer_is_in_a_sandbox_too(shop: Make) -> None:
    work = shop(
        "echo yes > ok",
        interceptor={"agent": {"command": f"{spends(0.01)}; case $(pwd) in /wor*) ;; *) exit 1;; esac; {gives('pass')}"}},
    )
    session = work.run()
    assert session.outcome == "passed", session.outcome_message
    assert (session.outcome, rounds_of(session)[0].review["verdict"]) == ("passed", "pass")


def test_the_data_directory_is_not_there(shop: Make, settings: object) -> None:
    data = settings.DATA_DIR  # type: ignore[attr-defined]
    work = shop(
        f"echo yes > ok; ls {data} {data}/sessions {data}/worktrees; ls {data}/secret_key && rm ok; test -e {data}/worktrees && rm ok; true"
    )
    assert work.run().outcome == "passed"
    assert os.path.isdir(data / "worktrees")


@pytest.mark.parametrize("leads_to", ["../../../../../../../../oldroot/{host}", "{host}"])
def test_a_link_in_the_private_home_leads_no_mount_out_of_the_sandbox(
    shop: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leads_to: str
) -> None:
    """Its next sandbox is built on what an agent left at home: a folder of the host must not be written to on the way."""
    home, host = tmp_path / "home", tmp_path / "host"
    for folder in (home / "tools", host):
        folder.mkdir(parents=True)
    (home / "tools/data").write_text("")
    monkeypatch.setenv("HOME", str(home))
    link = leads_to.format(host=host).replace("//", "/")
    work = shop(
        f"if test $MUSTER_ROUND = 1; then ln -s {link} ~/later; mkdir ~/new; else cat ~/later/data && echo yes > ok; fi; date > changed",
    )
    first = work.run()
    (home / "later").mkdir()
    (home / "later/data").write_text("")
    row = Executor.objects.get(pk=work.workspace.pk)
    Executor.objects.filter(pk=row.pk).update(config={**row.config, "sandbox": {"read": ["~/later/data"]}})
    second = work.run(entry_of(first))
    assert (first.outcome, second.outcome) == ("failed", "passed"), second.outcome_message
    assert os.listdir(host) == []


def test_a_folder_around_the_data_directory_shows_nothing_of_it(shop: Make, settings: Any) -> None:
    data = Path(settings.DATA_DIR)
    data.mkdir(exist_ok=True)
    (data / "note").write_text("private")
    work = shop(f"ls {data} | grep note > ok; cat {data}/note >> ok; echo end >> ok", sandbox={"read": [str(data.parent)]})
    assert work.run().outcome == "passed" and work.merged("ok") == "end\n"


def test_what_lies_in_the_data_directory_is_not_shown_by_naming_it(shop: Make, settings: Any) -> None:
    note = Path(settings.DATA_DIR) / "note"
    note.parent.mkdir(exist_ok=True)
    note.write_text("private")
    work = shop(f"cat {note} > ok; echo end >> ok", sandbox={"read": [str(note)]})
    assert work.run().outcome == "passed" and work.merged("ok") == "end\n"
