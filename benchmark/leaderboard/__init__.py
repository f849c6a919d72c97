"""The leaderboard: entries of `submissions/`, what must hold of them, and the checker that continuous integration runs.

Only the rooms in here need pydantic and PyYAML (the extra `board`); importing this package loads neither.
"""

from importlib.util import find_spec

from ..errors import InputError

__all__ = ["require_extra"]


def require_extra() -> None:
    """Say in words what is missing.

    Raises:
        InputError: if pydantic or PyYAML is not installed.
    """
    missing = [package for module, package in [("pydantic", "pydantic"), ("yaml", "PyYAML")] if not find_spec(module)]
    if missing:
        raise InputError(f"submissions need {' and '.join(missing)}; try `pip install 'caponimage[board]'`")
