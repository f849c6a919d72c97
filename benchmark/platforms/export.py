"""Writes the bundle that a platform needs to host the benchmark with hidden references.

The bundle is secret, since it holds the references. Participants get the public data: part of the bundle for Codabench,
an archive of its own for EvalAI. Files appear complete or not at all.
"""

import tempfile
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path

from ..dataset.schema import EVALUATED_SPLITS
from ..dataset.store import Split
from ..errors import InputError
from ..files import check_outputs, replace_when_complete
from . import codabench, evalai
from .bundle import folder_members, write_zip
from .public import write_public
from .texts import Challenge

#: Bytes of files beyond which a zip archive needs the zip64 format, which platforms need not read.
MAX_BUNDLE = 4_000_000_000


class Platform(StrEnum):
    """A platform that can host the benchmark."""

    codabench = "codabench"
    evalai = "evalai"


def default_packages(platform: Platform) -> str:
    """Packages in the bundle unless asked otherwise: EvalAI's workers install requirements.txt themselves."""
    return "installed" if platform is Platform.codabench else "none"


def write_bundle(
    platform: Platform,
    output: Path,
    splits: dict[str, Split],
    *,
    title: str = "CapOnImage",
    start: str | None = None,
    test_start: str | None = None,
    end: str | None = None,
    time_limit: int = 1800,
    packages: str | None = None,
    image: str | None = None,
    pictures: bool = True,
) -> Path | None:
    """Write a bundle, and for EvalAI the participants' data beside it.

    Args:
        platform: platform to write for.
        output: the zip archive to write.
        splits: splits of the data set, by name; val and test with references are used.
        title: title of the challenge.
        start: first day of val, as YYYY-MM-DD; default: today.
        test_start: first day of test; default: 90 days after `start`.
        end: last day; default: 90 days after `test_start`.
        time_limit: seconds allowed for scoring one submission.
        packages: source of the packages, see `bundle.write_program`; default: `default_packages`.
        image: Docker image of Codabench's worker; default: the plain Python that fits the packages.
        pictures: whether participants get the pictures, with their text blacked out.

    Returns:
        Path of the archive for participants; None for Codabench, whose bundle contains it.

    Raises:
        InputError: if an option, a split, a picture or a package does not fit, or the bundle becomes too large.
    """
    if str(output) == "-" or output.is_dir():
        kind = "stdout" if str(output) == "-" else "a folder"
        raise InputError(f"--output: {output} is {kind}, expected a file to write; try -o {output / 'bundle.zip'}")
    if missing := [name for name in EVALUATED_SPLITS if name not in splits]:
        raise InputError(f"the data set has no split {' and no '.join(missing)}, expected val and test")
    scored = {name: splits[name] for name in EVALUATED_SPLITS}
    days = _days(start, test_start, end)
    if not 0 < len(title) <= codabench.MAX_TITLE:
        raise InputError(f"--title: got {len(title)} characters, expected 1 to {codabench.MAX_TITLE}")
    plan = Challenge(title, *days, time_limit, any(split.synthetic for split in scored.values()))
    packages = packages or default_packages(platform)
    public = None if platform is Platform.codabench else output.with_suffix(".public.zip")
    check_outputs({"--output": output, "the archive for participants": public}, [scored["test"].directory])
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if public is None:
            codabench.fill(folder, scored, plan, packages=packages, image=image, pictures=pictures)
        else:
            evalai.fill(folder, scored, plan, packages=packages)
            with replace_when_complete(public) as partial:
                write_public(scored, partial, pictures=pictures)
        size = sum(path.stat().st_size for _, path in folder_members(folder))
        if size > MAX_BUNDLE:
            raise InputError(f"the bundle has {size:,} bytes, expected at most {MAX_BUNDLE:,}; try --no-pictures")
        with replace_when_complete(output) as partial:
            write_zip(partial, folder_members(folder))
    return public


def _days(start: str | None, test_start: str | None, end: str | None) -> tuple[date, date, date]:
    first = _day("--start", start, date.today())
    second = _day("--test-start", test_start, first + timedelta(90))
    last = _day("--end", end, second + timedelta(90))
    if not first < second < last:
        raise InputError(f"got {first}, {second} and {last}, expected start, start of test and end in this order")
    return first, second, last


def _day(option: str, text: str | None, default: date) -> date:
    try:
        return date.fromisoformat(text) if text else default
    except ValueError:
        raise InputError(f"{option}: got {text!r:.40}, expected a day as YYYY-MM-DD") from None
