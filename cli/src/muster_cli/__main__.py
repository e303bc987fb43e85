"""The first thing that runs: `muster`, and `python -m muster_cli`."""

import signal


def start() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C before anything has begun ends it without a traceback
    from muster_cli.main import main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()


if __name__ == "__main__":
    start()
