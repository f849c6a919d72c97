"""One way to refuse bad input: all problems at once, in words, and exit code 2.

A problem reads: what is wrong, where (file:line, id), got what, expected what, try what.
"""


class InputError(Exception):
    """Input that cannot be used; `problems` lists everything wrong with it, one sentence each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
