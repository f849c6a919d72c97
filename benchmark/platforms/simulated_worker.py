"""Script that runs a bundle's program as a worker does, with limits and without network.

    simulated_worker.py JSON

It imports nothing of the harness, since the program must load everything from its bundle. Limits are set before the
program starts, and access to the network or to other programs is refused.
"""

import importlib
import json
import os
import resource
import runpy
import sys
from pathlib import Path
from typing import Any

_REFUSED = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "pty.")
#: Events of libraries that only ask for the machine's name.
_HARMLESS = ("socket.gethostname",)
_FILE = 256 << 20  # maximum size of a file that the program writes, in bytes


def _refuse(event: str, _: Any) -> None:
    if event.startswith(_REFUSED) and event not in _HARMLESS:
        raise PermissionError(f"the simulated worker has no network and no other programs: {event}")


def _limit(memory: int, seconds: int) -> None:
    for kind, amount in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, _FILE),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (amount, amount))


def _codabench(program: Path, arguments: list[str]) -> None:
    sys.argv = arguments
    sys.path.insert(0, str(program))
    runpy.run_path(arguments[0], run_name="__main__")


def _evalai(program: Path, call: dict[str, Any], out: Path) -> None:
    sys.path.insert(0, str(program.parent))
    evaluate = importlib.import_module(program.name).evaluate
    about = {"id": 1, "method_name": "simulated"}
    answer = evaluate(call["annotations"], call["submission"], call["phase"], submission_metadata=about)
    out.write_text(json.dumps({"answer": answer, "foreign": list(_foreign_numbers(answer, "answer"))}))


def _foreign_numbers(value: Any, where: str) -> Any:
    """Messages on numbers that are not built-in ones: a numpy scalar looks like a float but is not."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _foreign_numbers(item, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _foreign_numbers(item, f"{where}[{i}]")
    elif value is not None and type(value) not in (int, float, str, bool):
        yield f"{where} is a {type(value).__module__}.{type(value).__name__}"


def main() -> None:
    """Run the program that the JSON argument names; the exit code is the program's."""
    about = json.loads(sys.argv[1])
    program = Path(about["program"])
    _limit(about["memory"], about["seconds"])
    sys.addaudithook(_refuse)
    try:
        if about["kind"] == "codabench":
            _codabench(program, about["arguments"])
        else:
            _evalai(program, about["call"], Path(about["out"]))
    finally:
        loaded = [
            module for name, module in list(sys.modules.items()) if name.split(".")[0] in ("benchmark", "caponimage")
        ]
        outside = [m.__file__ for m in loaded if m.__file__ and not Path(m.__file__).is_relative_to(program)]
        if outside:
            sys.stderr.write(f"not from the bundle: {outside[0]}\n")
            sys.stderr.flush()
            os._exit(70)


if __name__ == "__main__":
    main()
