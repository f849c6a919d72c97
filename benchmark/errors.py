"""The exception for bad input: it carries all problems at once, and commands exit with code 2.

Every problem is one sentence: what is wrong, where (file:line, id), got what, expected what, try what.
"""


class InputError(Exception):
    """Input that cannot be used; `problems` lists everything wrong with it, one sentence each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class DamagedError(InputError):
    """A file or folder does not hold what was once written there; it can be made again, or copied from elsewhere."""


class Interrupted(Exception):  # noqa: N818 (like KeyboardInterrupt, no error)
    """Training was stopped by a signal; everything is saved, and the same command goes on.

    Args:
        message: what was stopped, and where.
        signal: number of the signal.
    """

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.signal = signal


def printable(text: str) -> str:
    """Text from outside for a terminal or a log: what cannot be printed is shown as codes; line breaks stay."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
