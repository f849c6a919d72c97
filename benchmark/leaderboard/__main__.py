"""`python -m benchmark.leaderboard`: check and accept entries, build the board, export it to other platforms.

Exit codes: 0 fine, 1 an entry fails its checks or a simulated worker refuses a submission, 2 bad usage or input.
"""

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from .. import cli
from ..dataset import open_dataset
from ..errors import InputError
from ..files import check_outputs, replace_when_complete
from ..platforms.export import Platform
from ..shell import quoted

app = cli.group()


@app.callback()
def main() -> None:
    """Entries of the leaderboard. Example: `python -m benchmark.leaderboard check submissions/20270131_my-system`."""


_SUBMISSIONS = Annotated[Path, typer.Option(help="Folder of all entries.")]
_JOBS = Annotated[int | None, typer.Option(help="Number of processes for scoring. [default: one for each core]", min=1)]
_PLATFORM = Annotated[Platform, typer.Argument(help="Platform of the bundle: codabench or evalai.")]


@app.command()
def check(
    entries: Annotated[
        list[Path] | None, typer.Argument(help="Folders of the entries to check. [default: all entries]")
    ] = None,
    data: cli.Data = None,
    submissions: _SUBMISSIONS = Path("submissions"),
    accepted: Annotated[
        Path | None, typer.Option(help="List of accepted files. [default: SHA256SUMS beside the entries]")
    ] = None,
    new: Annotated[
        bool, typer.Option("--new", help="For accepted entries, check only that nothing has changed.")
    ] = False,
    maintainer: Annotated[bool, typer.Option(help="Allow metadata to set `checked` and `reproduced` to true.")] = False,
    base: Annotated[
        str | None,
        typer.Option(
            help="Revision of the base branch, such as origin/main: the commit that is checked out may add entries to "
            "it and change nothing else, unless --maintainer is given; entries in which it changes nothing are not "
            "scored again."
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        cli.to_file("result.json", "--json", help="File to write the result to, as JSON."),
    ] = None,
) -> None:
    """Run every check on entries, list all failures, and exit with 1 if there is one.

    Examples::

        python -m benchmark.leaderboard check                                    # all of submissions/
        python -m benchmark.leaderboard check submissions/20270131_my-system --data DIR
        python -m benchmark.leaderboard check --new --base origin/main           # as on a pull request
    """
    from .accepted import read_hashes
    from .base import read_request
    from .check import Checker
    from .entries import HASH_LIST, all_entries
    from .result import printable, result, shown

    check_outputs({"--json": json_file}, [submissions, *(entries or []), accepted])
    mine = (entries[0].absolute().parent if entries else submissions) / HASH_LIST
    hashes = read_hashes(accepted or mine)
    problems = []
    if not entries:
        entries = all_entries(submissions)
        problems += hashes.gone(submissions)
    if accepted and not maintainer:
        problems += hashes.altered(read_hashes(mine))
    request = read_request(mine.parent, base) if base is not None else None
    if request and not maintainer:
        problems += request.problems
    merged = frozenset(path.name for path in all_entries(mine.parent)) - request.touched if request else frozenset()
    checker = Checker(open_dataset(data), hashes, maintainer=maintainer, merged=merged)
    reports, told = [], []
    for path in entries:
        done = new and path.name in hashes.entries
        if request is not None:
            done |= path.name in request.committed - request.touched
        # Entries in another folder are compared with those of their own folder.
        report = checker.check(path, without=checker.DONE if done else ())
        reports.append(report)
        cli.say(shown(report))
        if request is None or not done or report.failures:
            told.append(report)  # nobody must say of the others that they were checked just now
    for problem in problems:
        cli.say(f"FAIL {printable(problem)}")
    failing = [report for report in reports if report.failures]
    failures = sum(len(report.failures) for report in failing) + len(problems)
    cli.say(f"checked {len(reports)}: {len(reports) - len(failing)} pass, {len(failing)} fail; failures: {failures}")
    if json_file is not None:
        with replace_when_complete(json_file) as partial:
            partial.write_bytes(result(told, problems))
    if failures:
        raise typer.Exit(1)


@app.command()
def accept(
    entries: Annotated[list[Path], typer.Argument(help="Folders of the entries to accept.")],
    data: cli.Data = None,
    replace: Annotated[
        str, typer.Option(help="Reason why accepted entries change, in one line; the list keeps it.")
    ] = "",
) -> None:
    """For maintainers: put entries that pass every check on the list of accepted files, SHA256SUMS beside them.

    Examples::

        python -m benchmark.leaderboard accept submissions/20270131_my-system
        python -m benchmark.leaderboard accept submissions/20270131_my-system --replace "two more seeds"
    """
    from .accepted import read_hashes
    from .check import Checker
    from .entries import HASH_LIST, list_entry
    from .result import printable

    checker = Checker(open_dataset(data), maintainer=True)
    problems = [problem for path in entries for _, problem in checker.check(path).failures]
    if problems:
        raise InputError(*map(printable, problems))
    listed = [list_entry(path.absolute()) for path in entries]
    folders = {entry.path.parent for entry in listed}
    if len(folders) > 1:
        raise InputError(f"got entries in {len(folders)} folders; accept those of one folder at a time")
    read_hashes(folders.pop() / HASH_LIST).accept(*listed, replacing=replace)
    for entry in listed:
        cli.say(f"accepted {entry.path.name}")


@app.command()
def comment(
    result: Annotated[Path, typer.Argument(help="The JSON file that `check --json` wrote.")],
    submissions: _SUBMISSIONS = Path("submissions"),
    commit: Annotated[str | None, typer.Option(help="The commit that was checked, which the comment names.")] = None,
) -> None:
    """Print a comment on a pull request: failures, notes, and new entries beside accepted ones, in Markdown.

    Example::

        python -m benchmark.leaderboard comment result.json --commit "$(git rev-parse HEAD)" > comment.md
    """
    from .comment import comment

    cli.document(comment(result, submissions, commit).removesuffix("\n"))


@app.command()
def build(
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder to write the board to; an older board there is replaced.")
    ] = Path("board"),
    data: cli.Data = None,
    submissions: _SUBMISSIONS = Path("submissions"),
    jobs: _JOBS = None,
    site: Annotated[bool, typer.Option(help="Write the pages too, which needs jinja2.")] = True,
    types: Annotated[
        str | None,
        typer.Option(
            help="Encoder of the caption types on the pages. [default: mini for synthetic data, if installed]"
        ),
    ] = None,
) -> None:
    """Rebuild the whole board from stored predictions: ranking, Markdown, CSV and pages.

    Scores are cached by prediction file, data and metric versions: only what is new is scored.

    Examples::

        python -m benchmark.leaderboard build                       # board/index.html, leaderboard.md, leaderboard.csv
        python -m benchmark.leaderboard build -o board --data DIR
    """
    if site and not find_spec("jinja2"):
        raise InputError("the pages need jinja2; try `pip install 'caponimage[board]'`, or --no-site")
    from .gather import gather
    from .site import write_board

    if not submissions.is_dir():
        raise InputError(f"{submissions}: no such folder; name one with --submissions")
    board = gather(submissions, open_dataset(data), jobs=jobs or os.cpu_count() or 1, log=cli.note)
    if types is None and board.synthetic and find_spec("sentence_transformers"):
        types = "mini"
    write_board(board, out, site=site, types=types)
    for one in board.refused:
        cli.note(f"not ranked: {one.name}: {one.reasons[0]}")
    cli.say(f"wrote {out}: {len(board.entries)} entries ranked, {len(board.refused)} not")


@app.command()
def speed(
    images: Annotated[int, typer.Option(help="Number of images in val and in test.")] = 20_000,
    entries: Annotated[int, typer.Option(help="Number of entries that are scored from prediction files.", min=2)] = 4,
    large: Annotated[
        int,
        typer.Option(help="Number of entries for which tests and pages are timed, with made-up statistics.", min=2),
    ] = 100,
    jobs: _JOBS = None,
) -> None:
    """Measure how long the board takes to build, from nothing and with one more entry.

    Example: `python -m benchmark.leaderboard speed --images 5000`
    """
    from .speed import measure

    measure(images, entries, large, jobs or os.cpu_count() or 1).show(cli.stdout)


@app.command()
def schema() -> None:
    """Print the JSON Schema of metadata.yaml.

    Example::

        python -m benchmark.leaderboard schema > metadata.schema.json
    """
    from .metadata import json_schema

    cli.document(json.dumps(json_schema(), indent=1, ensure_ascii=False, default=str))


@app.command()
def export(
    platform: _PLATFORM,
    output: Annotated[
        Path,
        cli.to_file("bundle.zip", "-o", "--output", help="Zip archive to write, such as bundle.zip."),
    ],
    data: cli.Data = None,
    title: Annotated[str, typer.Option(help="Title of the challenge, at most 64 characters.")] = "CapOnImage",
    start: Annotated[str | None, typer.Option(help="First day of val, as YYYY-MM-DD. [default: today]")] = None,
    test_start: Annotated[
        str | None, typer.Option(help="First day of test. [default: 90 days after the start]")
    ] = None,
    end: Annotated[
        str | None, typer.Option(help="Last day of the challenge. [default: 90 days after the start of test]")
    ] = None,
    time_limit: Annotated[int, typer.Option(min=1, help="Time limit for scoring one submission, in seconds.")] = 1800,
    packages: Annotated[
        str | None,
        typer.Option(
            help="Source of numpy and the other packages: installed (those of this Python), none (the worker has "
            "them), or a folder of wheels. [default: installed for codabench; none for evalai, whose workers install "
            "requirements.txt]"
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(help="Docker image of Codabench's worker. [default: python:X.Y-slim that fits the packages]"),
    ] = None,
    pictures: Annotated[bool, typer.Option(help="Give participants the pictures, with all text blacked out.")] = True,
) -> None:
    """Write the bundle that Codabench or EvalAI needs to host the benchmark with hidden references.

    The participants' data, without captions, are in the bundle for Codabench, and for EvalAI in `BUNDLE.public.zip`.

    Examples::

        python -m benchmark.leaderboard export codabench --data DIR -o bundle.zip
        python -m benchmark.leaderboard export evalai --data DIR -o challenge.zip --packages wheels/
    """
    from ..platforms.export import default_packages, write_bundle

    packages = packages or default_packages(platform)
    public = write_bundle(
        platform,
        output,
        open_dataset(data),
        title=title,
        start=start,
        test_start=test_start,
        end=end,
        time_limit=time_limit,
        packages=packages,
        image=image,
        pictures=pictures,
    )
    cli.say(f"wrote {output} ({output.stat().st_size / 1e6:,.1f} MB): secret, it holds the references")
    if public is not None:
        cli.say(f"wrote {public} ({public.stat().st_size / 1e6:,.1f} MB): for participants")
        if packages == "none":
            cli.say("its workers install requirements.txt; if they have no network, give --packages WHEELS")
    cli.say(f"try it: python -m benchmark.leaderboard simulate {platform} {quoted(output)} preds.zip")


@app.command()
def simulate(
    platform: _PLATFORM,
    bundle: Annotated[Path, typer.Argument(help="The bundle that `export` wrote.")],
    predictions: Annotated[Path, typer.Argument(help="The file that a participant uploads: a zip with preds.jsonl.")],
    phase: Annotated[str, typer.Option(help="Phase of the challenge: val or test.")] = "test",
    time_limit: Annotated[
        int | None, typer.Option(min=1, help="Time limit of the worker, in seconds. [default: the bundle's]")
    ] = None,
    memory: Annotated[int, typer.Option(min=256, help="Memory of the worker, in MiB.")] = 4096,
    python: Annotated[
        str | None, typer.Option(help="Python interpreter of the worker. [default: the one that runs this]")
    ] = None,
) -> None:
    """Score a submission offline the way the platform's worker does, and check that the bundle keeps its contract.

    Exit codes: 0 scored, 1 the submission is refused (as the worker would refuse it), 2 the bundle breaks the contract.

    Example::

        python -m benchmark.leaderboard simulate codabench bundle.zip preds.zip --phase val
    """
    from ..platforms.simulate import Worker, scores_grid, simulate

    if not predictions.is_file():
        raise InputError(f"cannot read {predictions}: no such file; expected a submission, such as preds.zip")
    worker = Worker(python or sys.executable, time_limit, memory << 20)
    outcome = simulate(platform, bundle, predictions, phase=phase, worker=worker)
    if outcome.run:
        cli.say(
            f"{platform}, phase {phase}: exit {outcome.run.code} after {outcome.run.seconds:.1f} of "
            f"{outcome.time_limit} seconds; {memory:,} MiB, no network, no other programs"
        )
    if outcome.scores:
        scores_grid(outcome.scores).show(cli.stdout)
    if outcome.refused:
        cli.say(f"refused; the participant reads:\n{outcome.refused}")
    if outcome.breaches:
        raise InputError(*(f"contract of {platform}: {breach}" for breach in outcome.breaches))
    cli.say("the bundle keeps the contract")
    if outcome.refused:
        raise typer.Exit(1)


if __name__ == "__main__":
    cli.run(app)
