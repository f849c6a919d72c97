"""Ask a model through Inspect, so that a run that was stopped anyhow goes on where it was.

What survives SIGKILL is Inspect's cache: each reply is on disk before the next step looks at it, and a file that was
cut off counts as none. Inspect's log would not do, since samples are written some at a time and an unusable reply is
as final there as a good one. So every start runs the whole task again, and what is kept takes no request.
"""

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from inspect_ai import eval as inspect_eval
from inspect_ai.model import Model, get_model

from ..errors import InputError
from ..locks import locked
from .session import Session
from .task import caption

#: Name of the service in Inspect's model name where only an address was given: its key is in `ENDPOINT_API_KEY`.
SERVICE = "endpoint"

_MARKS = re.compile(r"\[/?[a-z_ ]*\]")


def open_model(name: str, base_url: str | None) -> Model:
    """Open a model by Inspect's name, or by the name that a server at an address has for it.

    Raises:
        InputError: if there is no such provider, its key is not in the environment, or the address holds a secret.
    """
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
            name = f"openai-api/{SERVICE}/{name}"
            os.environ.setdefault(f"{SERVICE.upper()}_API_KEY", "none")  # servers of one's own take any
    # Installed for editing, this package has a second name, by which Inspect finds it and cannot load it beside ours.
    entry_points = logging.getLogger("inspect_ai._util.entrypoints")
    entry_points.addFilter(lambda record: "caponimage.vlm" not in record.getMessage())
    try:
        return get_model(name, base_url=base_url)
    except ModuleNotFoundError:
        raise
    except Exception as error:  # each provider has errors of its own, some with marks of the terminal
        words = " ".join(_MARKS.sub("", str(error)).split())
        raise InputError(f"--model {name}: {words[:400]}") from None


def ask(told: Mapping[str, Any], model: Model, session: Session, work: Path, **options: Any) -> Path:
    """Ask for the captions of a split, but for what is kept in the working folder.

    Args:
        told: arguments of the task, see `task.caption`.
        model: model that is asked.
        session: what this run may spend; it shows how far the run is.
        work: working folder of this run and of those before it.
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
        with session:
            made = inspect_eval(
                caption(**told, keep=True),
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
