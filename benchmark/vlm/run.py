"""Ask a model through Inspect, so that a run that was stopped anyhow goes on where it was.

What survives SIGKILL is Inspect's cache: each reply is on disk before the next step looks at it, and a file that was
cut off counts as none. Inspect's log would not do, since samples are written some at a time and an unusable reply is
as final there as a good one. So every start runs the whole task again, and what is kept takes no request.
"""

import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.model import Model, get_model

from ..errors import InputError
from ..locks import locked
from .session import Session
from .task import caption

#: Name of the service in Inspect's model name where only an address was given: its key is in `ENDPOINT_API_KEY`.
SERVICE = "endpoint"

_MARKS = re.compile(r"\[/?[a-z_ ]*\]")

#: Names of arguments that the log must not hold, and of those that other options say.
_SECRET = re.compile(
    r"(^|_|-)(key|token)$|api_?key|secret|password|credential|auth|header|cookie|bearer", re.IGNORECASE
)
_OTHER_OPTIONS = ("base_url", "config", "default", "memoize", "model", "role")


def open_model(name: str, base_url: str | None, arguments: Sequence[str] = ()) -> Model:
    """Open a model by Inspect's name, or by the name that a server at an address has for it.

    Args:
        name: Inspect's name, `hf/FOLDER` for a model in a folder, or a server's name for it.
        base_url: address of a server.
        arguments: arguments of the provider, `NAME=VALUE` each.

    Raises:
        InputError: if there is no such provider, its key is not in the environment, the address or an argument holds a
            secret, or the folder cannot be used.
    """
    given = arguments_from(arguments)
    inspects = name
    if base_url is not None:
        try:
            address = urlsplit(base_url)
        except ValueError:
            address = urlsplit("")
        if address.scheme not in ("http", "https") or not address.hostname:
            raise InputError(f"--base-url: got {base_url!r:.80}, expected an address such as http://localhost:8000/v1")
        if address.username or address.password or address.query:
            raise InputError(
                "--base-url: the address holds a user or a query, which would stand in the log; "
                f"expected the address alone, and the key in {SERVICE.upper()}_API_KEY"
            )
        if not name.startswith("openai-api/"):
            inspects = f"openai-api/{SERVICE}/{name}"
            os.environ.setdefault(f"{SERVICE.upper()}_API_KEY", "none")  # servers of one's own take any
    elif name.startswith("hf/"):
        from .local import PROVIDER  # the import makes it known to Inspect

        inspects = f"{PROVIDER}{name.removeprefix('hf')}"
    # Installed for editing, this package has a second name, by which Inspect finds it and cannot load it beside ours.
    entry_points = logging.getLogger("inspect_ai._util.entrypoints")
    entry_points.addFilter(lambda record: "caponimage.vlm" not in record.getMessage())
    try:
        return get_model(inspects, base_url=base_url, memoize=False, **given)
    except ModuleNotFoundError:
        raise
    except InputError as error:
        raise InputError(*(f"--model {name}: {problem}" for problem in error.problems)) from None
    except Exception as error:  # each provider has errors of its own, some with marks of the terminal
        words = " ".join(_MARKS.sub("", str(error)).split())
        raise InputError(f"--model {name}: {words[:400]}") from None


def arguments_from(pairs: Sequence[str]) -> dict[str, Any]:
    """Read arguments of a provider, `NAME=VALUE` each; a value that is JSON, such as false or 8, is taken as that.

    Raises:
        InputError: if one is of another form, or names what does not belong in a log.
    """
    found: dict[str, Any] = {}
    problems = []
    for number, pair in enumerate(pairs, 1):
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier() or name in found:  # it may hold a key, so it is not shown
            problems.append(
                f"--model-arg: the one at place {number} is not NAME=VALUE, each name once, such as dtype=float16"
            )
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = text
        if name in _OTHER_OPTIONS or any(
            map(_SECRET.search, (name, *(_names_in(value) if isinstance(value, dict | list) else ())))
        ):
            problems.append(f"--model-arg: {name} cannot be given, since arguments stand in the log; try --help")
        else:
            found[name] = value
    if problems:
        raise InputError(*problems)
    return found


def _names_in(value: Any) -> Iterator[str]:
    """All names in a JSON value, at any depth."""
    for name, inner in value.items() if isinstance(value, dict) else ((None, one) for one in value):
        if name is not None:
            yield name
        if isinstance(inner, dict | list):
            yield from _names_in(inner)


def _admit_when_sent(model: Model, session: Session) -> None:
    """Ask the session when a request is really sent: behind Inspect's cache, and again for each new attempt."""
    send = model.api.generate

    async def generate(*given: Any, **named: Any) -> Any:
        with session.flight():
            return await send(*given, **named)

    model.api.generate = generate  # type: ignore[method-assign]


def ask(
    told: Mapping[str, Any],
    model: Model,
    session: Session,
    work: Path,
    task: Callable[..., Task] = caption,
    **options: Any,
) -> Path:
    """Ask for the captions of a split, or what else a task asks for, but for what is kept in the working folder.

    Args:
        told: arguments of the task, see `task.caption`.
        model: model that is asked.
        session: what this run may spend; it shows how far the run is.
        work: working folder of this run and of those before it.
        task: function that makes the task of these arguments and of `keep`.
        options: settings of replies and connections, by Inspect's names.

    Returns:
        The log of this run, which holds all replies, also those that were there.

    Raises:
        InputError: if another process works in the folder, or Inspect could not run the task.
    """
    logs = work / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    os.environ["INSPECT_CACHE_DIR"] = str((work / "cache").absolute())
    with locked(work, wait=False) as lock:
        if lock is None:
            raise InputError(f"another process works in {work}; wait for it, or take another --work")
        _admit_when_sent(model, session)
        with session:
            made = inspect_eval(
                task(**told, keep=True),
                model=model,
                display="none",
                log_dir=str(logs),
                log_realtime=False,
                log_model_api=False,
                score_display=False,
                ctl_server=False,
                log_header_only=True,
                adaptive_connections=False,
                **options,
            )
    if not made or made[0].status == "cancelled":  # Ctrl-C, which Inspect keeps to itself
        raise KeyboardInterrupt
    [log] = made
    if log.status != "success":
        why = log.error.message if log.error else f"its status is {log.status}"
        raise InputError(f"Inspect stopped: {why[:400]}; the log is {log.location}")
    return Path(log.location.removeprefix("file://"))
