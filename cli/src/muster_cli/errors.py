"""Reasons why a command ends early, each with its exit code."""


class Problem(Exception):
    """A sentence for the person. The command failed."""

    code = 1


class Usage(Problem):
    """The arguments do not fit together, or name something that is not there to name."""

    code = 2


class LoginNeeded(Problem):
    """No token, or one that the server does not take any more."""

    code = 4


class Unreachable(Problem):
    """The server did not answer. A follow tries again."""


class Refused(Problem):
    """The server answered with an error."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


INTERRUPTED = 130
"""The exit code after Ctrl-C, as of any program that the signal ends."""

PIPE_CLOSED = 141
"""The exit code when the reader of the output has gone, as with `| head`."""
