"""Count the modules on a walk: `python tests/walks.py MODULE ARGUMENTS...` lists where functions of a command ran.

A module or template of the project counts if at least one of its functions runs in this process. What a reader must
open to follow a caption to its number is about this list.
"""

import os
import runpy
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType

ROOT = Path(__file__).parents[1]
_FUNCTION = 1  # CO_OPTIMIZED: the code of functions, not that of modules and classes


def modules_of(command: list[str]) -> set[str]:
    """Run `python -m COMMAND...` in this process; returns the files in which functions ran, relative to the root."""
    found: set[str] = set()
    seen: set[CodeType] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event != "call" or code in seen:
            return
        seen.add(code)
        path = code.co_filename
        ours = path.startswith(f"{ROOT}{os.sep}") and f"{os.sep}." not in path
        if ours and (code.co_flags & _FUNCTION or path.endswith(".j2")):
            found.add(os.path.relpath(path, ROOT))

    sys.path.insert(0, str(ROOT))
    sys.argv = command
    sys.setprofile(note)
    threading.setprofile(note)
    try:
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    except SystemExit:
        pass
    finally:
        sys.setprofile(None)
    return found - {"tests/walks.py"}


if __name__ == "__main__":
    modules = modules_of(sys.argv[1:])
    print(*sorted(modules), f"{len(modules)} modules and templates", sep="\n", file=sys.stderr)
