"""The command `caponimage VERB ...` (in a checkout `python -m benchmark VERB ...`); alone, it lists the verbs.

`python -m benchmark VERB ...` and `python -m benchmark.VERB ...` are the same command.
"""

import runpy
import sys

from .cli import as_called, stderr, stdout
from .version import __version__

VERBS = {
    "score": "score prediction files",
    "validate": "report every problem of a prediction file; --fix repairs it",
    "compare": "test whether systems differ significantly",
    "verify": "recompute a score receipt",
    "submit": "check and score predictions, and write a leaderboard entry",
    "leaderboard": "check entries, build the board, export for other platforms",
    "dataset": "build, describe, show, import data sets",
    "fit_types": "fit the caption-type model of a data set",
    "demo": "score four systems that need no model",
    "speed": "measure the speed of the harness against pycocoevalcap",
}


def main() -> None:
    """Run the verb that the command line names, or list the verbs."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        stdout.print(as_called("Usage: python -m benchmark VERB [OPTIONS]\n"), markup=False)
        for verb, meaning in VERBS.items():
            stdout.print(f"  {verb:12} {meaning}")
        stdout.print(as_called("\nEach has --help with examples: python -m benchmark score --help"))
        stdout.print(as_called("The version: python -m benchmark --version"))
    elif arguments[0] == "--version":
        print(f"caponimage {__version__}")
    elif arguments[0] in VERBS:
        # Started with -m, typer puts the name of the package before the verb itself.
        program = arguments[0] if __name__ == "__main__" else as_called(f"python -m benchmark.{arguments[0]}")
        sys.argv = [program, *arguments[1:]]
        runpy.run_module(f"{__package__}.{arguments[0]}", run_name="__main__", alter_sys=False)
    else:
        stderr.print(f"error: no verb {arguments[0]!r}; there are {', '.join(VERBS)}", markup=False)
        sys.exit(2)


if __name__ == "__main__":
    main()
