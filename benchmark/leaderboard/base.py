"""Compares a pull request with its base branch: it may add entries, and change nothing else.

Git compares the two trees, so what counts is what would be merged: files that are removed, overwritten or renamed,
links, files that become executable, and changes outside of the folder of entries, which nobody who reads an entry sees.

Invariants:
* commits are compared, never the files on disk, so nothing of the request is opened and no filter or hook of it runs;
* the work is bounded however many files a request has.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .entries import HASH_LIST

_MAX_BYTES = 16 << 20
_MAX_PROBLEMS = 20
_PLAIN = "100644"
_MODES = {"100755": "an executable file", "120000": "a link", "160000": "another repository"}
_CHANGES = {"D": "removed", "M": "changed", "T": "changed into something else"}


@dataclass(frozen=True)
class Request:
    """What a request changes.

    Attributes:
        touched: names of the entries in which it adds or changes a file.
        committed: names of all that the folder of entries holds in the commit.
        problems: messages on all that it changes otherwise, bounded in number.
    """

    touched: frozenset[str]
    committed: frozenset[str]
    problems: list[str]


def read_request(submissions: Path, base: str) -> Request:
    """Compare the commit that is checked out with the one in which it branched off from its base.

    Args:
        submissions: folder of entries, in a checkout of the request.
        base: revision of the base branch, such as `origin/main`.

    Raises:
        InputError: if the folder is in no repository, the revision is unknown, or too many files differ.
    """
    here = _git(submissions, "rev-parse", "--show-prefix").rstrip("\n")
    start = _git(submissions, "merge-base", "--end-of-options", f"{base}^{{commit}}", "HEAD").strip()
    known, committed = (_names(submissions, commit, here) for commit in (start, "HEAD"))
    # Unlike `git diff`, this command obeys no settings of a user, such as diff.relative.
    fields = _git(
        submissions, "diff-tree", "-r", "--raw", "-z", "--no-renames", "--ignore-submodules=none", start, "HEAD"
    )
    touched: set[str] = set()
    problems = []
    records = fields.split("\0")
    for about, path in zip(records[::2], records[1::2], strict=False):
        _, mode, _, _, status = about.split(" ")
        entry, slash, _ = path.removeprefix(here).partition("/")
        if slash and path.startswith(here) and status != "D":
            touched.add(entry)
        if not path.startswith(here):
            problems.append(
                f"{path}: changed, but lies outside of {here}, where a submission adds a folder and nothing else"
            )
        elif path == here + HASH_LIST:
            problems.append(f"{path}: changed; only maintainers accept entries")
        elif not slash:
            problems.append(f"{path}: changed, but is no folder, and a submission adds nothing else")
        elif status != "A":
            problems.append(f"{path}: {_CHANGES.get(status, 'changed')}; a submission leaves the files of others alone")
        elif slash and entry in known:
            problems.append(f"{path}: added to an entry that is there already; submit a new one")
        elif slash and entry.startswith("."):
            problems.append(f"{path}: lies in a hidden folder, which is no entry")
        elif mode != _PLAIN:
            problems.append(f"{path}: got {_MODES.get(mode, f'mode {mode}')}, expected a plain file")
    more = len(problems) - _MAX_PROBLEMS
    problems = problems[:_MAX_PROBLEMS] + [f"... and {more:,} more changes that a submission must not make"] * (
        more > 0
    )
    return Request(frozenset(touched), committed, problems)


def _names(submissions: Path, commit: str, here: str) -> frozenset[str]:
    """Names of all that a commit holds in the folder of entries, which is `here` in the repository."""
    inside = [here] if here else []
    listed = _git(submissions, "ls-tree", "--full-tree", "--name-only", "-z", commit, "--", *inside)
    return frozenset(path.removeprefix(here) for path in listed.split("\0"))


def _git(folder: Path, *arguments: str) -> str:
    """The output of a git command, undecodable bytes as surrogates."""
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            output = process.stdout.read(_MAX_BYTES + 1)
            if len(output) > _MAX_BYTES:
                process.kill()
                raise InputError(f"{folder}: the request differs from its base in too many files to list")
            said = process.stderr.read(2000).decode("utf-8", "replace")
    except OSError as error:
        raise InputError(f"cannot run git: {error.strerror}; it compares the request with its base") from None
    if process.returncode:
        why = said.strip().partition("\n")[0]
        raise InputError(f"{folder}: cannot be compared with its base: git {arguments[0]}: {why}")
    return output.decode("utf-8", "surrogateescape")
