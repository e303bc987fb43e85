"""An agent that misbehaves by plan: `python fake_agent.py PLAN...`. Standard library only."""

import ctypes
import json
import os
import signal
import sys
import time


def print_line(text: str) -> None:
    print(text, flush=True)


def ignore_term() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print_line("ready")


def ignore_int() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def sleep() -> None:
    print_line("sleeping")
    time.sleep(60)


def child(*, new_session: bool, stubborn: bool) -> None:
    """Fork twice, so that the daemon's parent is gone; the daemon keeps stdout open. Returns once the daemon has printed its pid."""
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        if new_session:
            os.setsid()
        if os.fork() == 0:
            if stubborn:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            print_line(f"daemon {os.getpid()}")
            os.write(write_end, b".")
            time.sleep(60)
        os._exit(0)
    os.wait()
    os.close(write_end)
    os.read(read_end, 1)


def storm() -> None:
    """Processes in their own sessions that fork and exit all the time, to evade every look."""
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            end = time.monotonic() + 60
            while time.monotonic() < end:
                if os.fork():
                    os._exit(0)
                time.sleep(0.001)
            os._exit(0)
    print_line("storming")
    time.sleep(60)


def flood(megabytes: int) -> None:
    """Text, with one event in each megabyte."""
    text = ("y" * 999 + "\n") * 1000
    for number in range(megabytes):
        sys.stdout.write(text)
        sys.stdout.write(json.dumps({"type": "usage", "id": str(number)}) + "\n")


def event_flood() -> None:
    for number in range(20_000):
        sys.stdout.write(json.dumps({"type": "text", "text": "z" * 980, "n": number}) + "\n")


def endless_line() -> None:
    for _ in range(100):
        sys.stdout.write("x" * 1_000_000)
    sys.stdout.write("\nafter\n")


def odd_bytes() -> None:
    os.write(1, b"caf\xe9 \xff\x00 \xed\xa0\x80 \x1b[31mred\r\nno newline at the end")


def environment() -> None:
    for name in sorted(os.environ):
        print_line(f"{name}={os.environ[name]}")
    with open("made-by-agent", "w"):
        pass


def scrub() -> None:
    """A child without the marker, outside of the group."""
    if os.fork() == 0:
        os.setsid()
        os.execve(
            sys.executable, [sys.executable, "-c", "import os, time; print('bare', os.getpid(), flush=True); time.sleep(60)"], {}
        )
    time.sleep(60)


DEAF = """
import os, signal, time
for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(signum, signal.SIG_IGN)
print("hidden", os.getpid(), flush=True)
time.sleep(60)
"""


def freeze() -> None:
    """Stop the shim, and go on: whoever reads nothing from it any more must notice by itself."""
    os.kill(os.getppid(), signal.SIGSTOP)
    print_line("frozen")


def bomb() -> None:
    """Two hundred processes that fork again whenever one of theirs ends, for five seconds."""
    end = time.monotonic() + 5
    for _ in range(200):
        if os.fork() == 0:
            while time.monotonic() < end:
                if os.fork() == 0:
                    time.sleep(0.05)
                    os._exit(0)
                os.wait()
            os._exit(0)
    print_line("bombing")
    time.sleep(60)


def forge() -> None:
    """Write into the shim's own pipe that all is over, and freeze it."""
    with open(f"/proc/{os.getppid()}/fd/1", "wb") as pipe:
        status = json.dumps({"cause": "exited", "exit_code": 0}).encode()
        pipe.write(b"S" + len(status).to_bytes(4, "big") + status)
    os.kill(os.getppid(), signal.SIGSTOP)


def hidden() -> None:
    """A daemon without any trace: no environment, a session of its own, its parent gone; and it ignores signals."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execve(sys.executable, [sys.executable, "-S", "-c", DEAF], {})
        os._exit(0)
    os.wait()


def tool() -> None:
    """A tool as Claude Code and Codex run it: in a session of its own, waited for."""
    if os.fork() == 0:
        os.setsid()
        print_line(f"tool {os.getpid()}")
        time.sleep(60)
    os.wait()


def adopter() -> None:
    """A child that takes the orphans below it to itself, as a container's init does."""
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
        hidden()
        time.sleep(60)
    time.sleep(60)


def goes_when_interrupted() -> None:
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))


def bare_storm() -> None:
    """A storm that ignores TERM and whose processes carry no marker."""
    if os.fork() == 0:
        os.execve(sys.executable, [sys.executable, "-S", __file__, "ignore_term", "storm"], {})
    time.sleep(60)


PLANS = {
    "ignore_term": ignore_term,
    "ignore_int": ignore_int,
    "hidden": hidden,
    "freeze": freeze,
    "bomb": bomb,
    "forge": forge,
    "garbage": lambda: open(f"/proc/{os.getppid()}/fd/1", "wb").write(b"\xff" * 100),  # noqa: SIM115
    "tool": tool,
    "adopter": adopter,
    "goes_when_interrupted": goes_when_interrupted,
    "bare_storm": bare_storm,
    "sleep": sleep,
    "daemon": lambda: child(new_session=False, stubborn=False),
    "setsid": lambda: child(new_session=True, stubborn=False),
    "stubborn_daemon": lambda: child(new_session=True, stubborn=True),
    "storm": storm,
    "flood": lambda: flood(200),
    "small_flood": lambda: flood(20),
    "event_flood": event_flood,
    "endless_line": endless_line,
    "odd_bytes": odd_bytes,
    "environment": environment,
    "scrub": scrub,
    "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "hello": lambda: print_line("hello"),
    "usage": lambda: print_line('{"type": "usage", "id": "1", "cost_usd": 0.12}'),
    "tick": lambda: [(print_line("tick"), time.sleep(0.05)) for _ in range(1000)],
}

if __name__ == "__main__":
    for plan in sys.argv[1:]:
        PLANS[plan]()
