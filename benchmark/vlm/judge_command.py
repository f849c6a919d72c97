"""The verbs `judge` and `votes` of `python -m benchmark.vlm`.

Invariant: nothing heavy is imported before a verb runs.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import cli
from ..errors import InputError
from ..files import check_outputs, is_stream
from ..shell import quoted
from . import options

if TYPE_CHECKING:
    from ..preferences.votes import Votes

_Human = Annotated[
    Path | None, typer.Option(help="Votes of people, as `reports.human_study collect --votes` writes them.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print strengths and agreement as JSON.")]


def judge_command(
    systems: Annotated[list[str], typer.Argument(help="Two or more prediction files, each FILE or NAME=FILE.")],
    model: options.Model,
    output: Annotated[
        Path, cli.to_file("votes.jsonl", "-o", "--output", help="File to write the votes to (- is stdout).")
    ],
    base_url: options.BaseUrl = None,
    data: cli.Data = None,
    split: cli.SplitName = "test",
    images: Annotated[int, typer.Option(help="Number of images to draw.", min=1)] = 400,
    seed: Annotated[int, typer.Option(help="Seed with which they are drawn, as a human study draws them.")] = 1,
    picture: Annotated[
        str, typer.Option(help="drawn: both captionings in the boxes; masked: one picture with numbered frames.")
    ] = "drawn",
    prompt: Annotated[str, typer.Option(help="Texts of the prompt: zh, en, or a TOML file.")] = "zh",
    human: _Human = None,
    structured: options.Structured = False,
    price: options.Price = None,
    max_cost: options.MaxCost = None,
    max_tokens: options.MaxTokens = None,
    reply_tokens: options.ReplyTokens = 4096,
    temperature: options.Temperature = 0.0,
    connections: options.Connections = 8,
    retries: options.Retries = 6,
    timeout: options.Timeout = 900,
    work: options.Work = None,
    log_images: options.LogImages = False,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Write the votes that are there, if some are missing.")
    ] = False,
    as_json: _Json = False,
    dry_run: options.DryRun = False,
) -> None:
    r"""Have a model judge which system captions better; the same command goes on where it was stopped.

    Every two systems, on every image, in both orders, without their names: relevance, diversity, informativeness (the
    paper's Table 4). Judged by a model, so it cannot be recomputed, and is part of no score and no leaderboard. API
    keys are read from the environment alone. Exit code 2: votes are missing; run it again.

    Examples::

        python -m benchmark.vlm judge base.jsonl full.jsonl --model openai/gpt-4o \
            --images 200 --price in=2.5,out=10 --max-cost 20 -o votes.jsonl
        python -m benchmark.vlm judge base=a.jsonl full=b.jsonl -o votes.jsonl \
            --model Qwen/Qwen2.5-VL-7B-Instruct --base-url http://localhost:8000/v1 --human human.jsonl
    """
    from ..dataset import open_split
    from ..predictions import read_predictions
    from ..preferences.votes import write_votes
    from .judge import JudgeWriter, draw_up, read_judge_prompt

    if as_json and is_stream(output):
        raise InputError(f"-o {output} and --json both write to stdout; name a file for the votes")
    prices = options.prices_of(price, max_cost)
    work = options.working_folder(work, output)
    opened = open_split(data, split)
    files = _named(systems)
    check_outputs({"--output": output, "--work": work}, [opened.directory, human, *files.values()])
    if images > opened.n_images:
        raise InputError(f"--images: got {images}, expected at most {opened.n_images}, the size of split {split!r}")
    writer = JudgeWriter(opened, read_judge_prompt(prompt, picture, structured=structured))
    people = _people(human, opened.dataset, opened.name)
    captions = {name: read_predictions(path, opened) for name, path in files.items()}
    pairings, ballots = draw_up(opened, captions, images, seed)
    planned = writer.plan(pairings)
    equal = sum(ballot.pairing is None for ballot in ballots)
    cli.note(f"plan: {len(pairings):,} requests for {len(ballots):,} votes on {images:,} images to {model}")
    cli.note(f"prompt: {writer.prompt.id} ({writer.prompt.hash})")
    cli.note(planned.estimate(prices))
    if equal:
        cli.note(f"{equal:,} votes are ties of equal captions, which need no request")
    session = options.session_of(planned, prices, max_cost, max_tokens)
    if dry_run:
        return

    from .judge_run import judge_task, read_verdicts, votes_from
    from .run import ask, open_model

    settings = options.asking_options(reply_tokens, temperature, connections, retries, timeout, log_images=log_images)
    task = {"writer": writer, "pairings": pairings}
    log = ask(task, open_model(model, base_url), session, work, judge_task, **settings)
    cli.note(f"log: {log} (`inspect view --log-dir {quoted(log.parent)}` shows it)")
    if session.stopped:
        cli.note(f"stopped asking: {session.stopped}")
    verdicts = read_verdicts(log)
    votes = votes_from(verdicts, opened, captions, ballots, prices, {"images": images, "seed": seed})
    failed = verdicts.failures
    if failed and not allow_missing:
        lines = [f"{request}: {why.value}" + (f" ({said})" if said else "") for request, (why, said) in failed.items()]
        raise InputError(
            f"{len(failed):,} of {len(pairings):,} requests have no verdict, so {output} was not written; run the "
            "same command again to ask for them, or write the votes that are there with --allow-missing",
            *lines[:20],
            *([f"and {len(lines) - 20:,} more requests"] if len(lines) > 20 else []),
        )
    write_votes(output, votes)
    cli.note(f"{len(votes.votes):,} votes, {len(failed):,} of {len(pairings):,} requests without a verdict")
    _show(votes, people, as_json=as_json, beside=is_stream(output))


def votes_command(
    votes: Annotated[Path, typer.Argument(help="File of votes, by a model or by people.")],
    human: _Human = None,
    as_json: _Json = False,
) -> None:
    """Show what votes say: Bradley-Terry strengths, preference for a place, agreement with people. Nothing is asked.

    Examples::

        python -m benchmark.vlm votes votes.jsonl --human human.jsonl
    """
    from ..preferences.votes import read_votes

    given = read_votes(votes)
    _show(given, _people(human, given.data, given.split), as_json=as_json)


def _people(path: Path | None, data: str, split: str) -> "Votes | None":
    """The votes of people that a model's are compared with.

    Raises:
        InputError: if a model has given them, or they are on another split.
    """
    from ..preferences.votes import read_votes

    if path is None:
        return None
    people = read_votes(path)
    if people.by == "model":
        raise InputError(f"--human {path}: votes of a model, expected votes of people")
    if (people.data, people.split) != (data, split):
        raise InputError(f"--human {path}: votes on {people.split} of {people.data}, expected {split} of {data}")
    return people


def _show(votes: "Votes", people: "Votes | None", *, as_json: bool, beside: bool = False) -> None:
    """Print what votes say; on stderr if they went to stdout themselves."""
    from ..preferences.tables import vote_grids, votes_json

    if as_json:
        cli.document(json.dumps(votes_json(votes, people), ensure_ascii=False, indent=1))
        return
    for grid in vote_grids(votes, people):
        grid.show(cli.stderr if beside else cli.stdout)


def _named(systems: list[str]) -> dict[str, Path]:
    """The files of the systems by name.

    Raises:
        InputError: with all that is wrong with them.
    """
    named = [cli.name_and_files(argument) for argument in systems]
    names = [name or files[0].name.split(".")[0] for name, files in named]
    problems = [
        f"got {len(files)} files in {systems[i]!r}, expected one" for i, (_, files) in enumerate(named) if files[1:]
    ]
    problems += [
        f"two systems are named {name!r}; name them apart: NAME=FILE"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if len(systems) < 2:
        problems.append(f"got {len(systems)} system, expected two or more")
    if problems:
        raise InputError(*problems)
    return {name: files[0] for name, (_, files) in zip(names, named, strict=True)}
