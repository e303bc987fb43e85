"""The command line: `python -m tally.cli report|export FILE`."""

import sys
from typing import TextIO


def main(argv: list[str], out: TextIO) -> int:
    """Run a command. 0: fine; 1: the journal cannot be used, and why is written; 2: not understood."""
    out.write("tally cannot do anything yet\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout))
