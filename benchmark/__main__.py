"""The command `caponimage VERB ...` (in a checkout `python -m benchmark VERB ...`); alone, it lists the verbs.

`python -m benchmark VERB ...` and `python -m benchmark.VERB ...` are the same command.
"""

import runpy
import sys

from .cli import as_called, guarded, say
from .errors import InputError
from .version import __version__

VERBS = {
    "score": "score prediction files",
    "validate": "report every problem of a prediction file; --fix repairs it",
    "compare": "test whether systems differ significantly",
    "verify": "recompute a score receipt",
    "layout": "baselines of the layout tracks, converters",
    "submit": "check and score predictions, and write a leaderboard entry",
    "leaderboard": "check entries, build the board, export for other platforms",
    "vlm": "caption a split with a vision-language model",
    "dataset": "build, describe, show, import data sets",
    "fit_types": "fit the caption-type model of a data set",
    "demo": "score four systems that need no model",
    "speed": "measure the speed of the harness against pycocoevalcap",
}


@guarded()
def main() -> None:
    """Run the verb that the command line names, or list the verbs."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        say("Usage: python -m benchmark VERB [OPTIONS]\n")
        for verb, meaning in VERBS.items():
            say(f"  {verb:12} {meaning}")
        say("\nEach has --help with examples: python -m benchmark score --help")
        say("The version: python -m benchmark --version")
    elif arguments[0] == "--version":
        say(f"caponimage {__version__}")
    elif arguments[0] in VERBS:
        # Started with -m, typer puts the name of the package before the verb itself.
        program = arguments[0] if __name__ == "__main__" else as_called(f"python -m benchmark.{arguments[0]}")
        sys.argv = [program, *arguments[1:]]
        runpy.run_module(f"{__package__}.{arguments[0]}", run_name="__main__", alter_sys=False)
    else:
        raise InputError(f"no verb {arguments[0]!r}; there are {', '.join(VERBS)}")


if __name__ == "__main__":
    main()
