"""The first thing that runs: `muster`, and `python -m muster_cli`."""

import gc
import signal


def start() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C before anything has begun ends it without a traceback
    gc.disable()  # what is imported stays: looking for garbage among it is a tenth of a command's time
    from muster_cli.main import main

    gc.enable()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()


if __name__ == "__main__":
    start()
