"""Entries and results stay byte for byte what they are, whatever git is set to do with the ends of lines."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUMS = ROOT / "submissions/SHA256SUMS"
Git = Callable[..., str]


def sums() -> dict[str, dict[str, str]]:
    """SHA-256 by file, by entry."""
    found: dict[str, dict[str, str]] = {}
    for line in SUMS.read_text().splitlines():
        if not line.startswith("#"):
            digest, path = line.split("  ", 1)
            found.setdefault(path.partition("/")[0], {})[path] = digest
    return found


def small_repository(git: Git, folder: Path, attributes: bool) -> Path:
    """A repository with one accepted entry of this one, and with or without its .gitattributes."""
    entry = sorted(sums())[0]
    folder.mkdir()
    git(folder, "init", "--quiet")
    shutil.copytree(ROOT / "submissions" / entry, folder / "submissions" / entry)
    if attributes:
        shutil.copy(ROOT / ".gitattributes", folder)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "entry")
    return folder


@pytest.mark.parametrize("attributes", [True, False])
def test_entries_check_after_a_clone_that_writes_crlf(git: Git, tmp_path: Path, attributes: bool) -> None:
    """On Windows, git often writes CR LF: then no accepted entry is as it was accepted, and the check refuses all."""
    origin = small_repository(git, tmp_path / "origin", attributes)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--config", "core.autocrlf=true", str(origin), str(clone), autocrlf="true")
    [entry] = [path.name for path in (clone / "submissions").iterdir()]
    digests = {path: hashlib.sha256((clone / "submissions" / path).read_bytes()).hexdigest() for path in sums()[entry]}
    changed = {path for path, digest in sums()[entry].items() if digests[path] != digest}
    # Without the attributes the clone must differ, or this test would prove nothing.
    assert bool(changed) is not attributes, changed


def test_an_entry_is_stored_as_it_was_handed_in(git: Git, tmp_path: Path) -> None:
    """CR LF in a file that somebody hands in, and that git silently removes before it is hashed."""
    repository = small_repository(git, tmp_path / "origin", attributes=True)
    handed_in = repository / "submissions/20270131_theirs/README.md"
    handed_in.parent.mkdir()
    handed_in.write_bytes(b"# Theirs\r\nand a line\n")
    git(repository, "add", "--all", autocrlf="true")
    assert git(repository, "ls-files", "--eol", "submissions/20270131_theirs").split()[0] == "i/mixed"


def test_text_has_lf_in_every_clone(git: Git, tmp_path: Path) -> None:
    """Scripts with CR LF, which no shell runs, and hashed text files of the package."""
    repository = small_repository(git, tmp_path / "origin", attributes=True)
    (repository / "run").write_bytes(b"#!/bin/sh\necho\n")
    (repository / "words.toml").write_bytes(b"a = 1\r\n")
    git(repository, "add", "--all", autocrlf="true")
    git(repository, "commit", "--quiet", "--message", "text")
    git(tmp_path, "clone", "--quiet", "--config", "core.autocrlf=true", "origin", "clone", autocrlf="true")
    assert (tmp_path / "clone/run").read_bytes() == b"#!/bin/sh\necho\n"
    assert (tmp_path / "clone/words.toml").read_bytes() == b"a = 1\n"


def test_no_file_here_would_be_converted(git: Git, checkout: Path) -> None:
    """A file with CR LF in the repository, or one that is compared byte for byte and that git may convert."""
    kept = ("submissions/", "reports/results/", "benchmark/metrics/caption_types_mini/")
    for line in git(checkout, "ls-files", "--eol").splitlines():
        about, _, path = line.partition("\t")
        stored, _, attribute = about.split(maxsplit=2)
        assert stored not in ("i/crlf", "i/mixed"), path
        if path.startswith(kept) or stored == "i/-text":
            assert attribute.strip() == "attr/-text", path
