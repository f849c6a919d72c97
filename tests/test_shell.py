"""Commands in messages: pasted into a shell, a file name stays a file name."""

import os
import subprocess

import pytest

from benchmark.shell import quoted


@pytest.mark.parametrize(
    "name",
    [
        "preds.jsonl",
        "a b",
        "it's",
        "$(touch pwned)",
        "`touch pwned`",
        "a;touch pwned",
        "a\n'touch pwned",
        "\x1b]0;x\x07\\",
        "护眼!*?[a]{b,c}~",
        os.fsdecode(b"\xffa\xfe1"),
        "a\u202eb",
    ],
)
def test_shell_gives_the_name_back(name: str) -> None:
    """A name that is executed, split, expanded, or that a terminal obeys."""
    assert quoted(name).isprintable()
    printed = subprocess.check_output(["bash", "-c", f"printf %s {quoted(name)}"])
    assert printed == os.fsencode(name)


def test_no_name_is_an_option() -> None:
    assert quoted("-rf") == "./-rf"
    assert quoted("a/-rf") == "a/-rf"
