"""`python -m config.up`."""

import signal
import sys

from config.system import env, streams
from config.up import arguments
from config.up.messages import Failed, report
from config.up.startup import Up
from config.up.supervisor import SIGNALS, Stop


def main() -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # the children write to files
    streams.install()
    options = arguments.parse()
    env.exit_if_bad()
    env.warn_of_unknown()
    try:
        Up(host=options.host, port=options.port, demo=options.demo).run()
    except Failed as failure:
        print(failure, file=sys.stderr, flush=True)
        return 1
    except Stop:
        report("Stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
