"""The verbs `harness` and `import` of `python -m benchmark.vlm`.

Invariant: nothing heavy is imported before a verb runs.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ... import cli
from ...files import check_outputs
from .. import options


def harness_command(
    harness: Annotated[str, typer.Argument(help="lmms-eval, vlmevalkit, evalscope, or hf: a repository on the Hub.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write; it must not exist, or be empty.")],
    data: cli.Data = None,
    split: cli.SplitName = "test",
    limit: options.Limit = None,
    prompt: options.PromptTexts = "zh",
    unit: options.Unit = "image",
    coordinates: options.Coordinates = "thousand+marks",
    length: options.Length = True,
    neighbours: options.Neighbours = False,
    without: options.Without = "",
    shots: options.Shots = 0,
    seed: options.Seed = 1,
    structured: options.Structured = False,
    reply_tokens: options.ReplyTokens = 4096,
) -> None:
    """Write the requests of a split for another harness, and say what to run there.

    Prompts, pictures and the reading of replies are those of `run`. The folder for lmms-eval, and the one for the Hub,
    hold the reference captions, so they are as public as these may be.

    Examples::

        python -m benchmark.vlm harness lmms-eval --data DIR --split val -o lmms
        python -m benchmark.vlm harness vlmevalkit --data DIR --unit box --neighbours -o LMUData
    """
    from ...dataset import open_dataset, open_split
    from ..prompt import read_prompt, settings_from
    from ..request import Writer, requests
    from .folder import write_folder

    told = {
        "unit": unit, "coordinates": coordinates, "length": length, "neighbours": neighbours, "without": without,
        "shots": shots, "seed": seed, "structured": structured,
    }  # fmt: skip
    opened = open_split(data, split)
    writer = Writer(opened, read_prompt(prompt, settings_from(told)), open_dataset(data).get("train"))
    asked = requests(opened, writer.prompt, limit)
    lines = write_folder(harness, writer, asked, output, reply_tokens=reply_tokens)
    cli.say_written(output, f": {len(asked):,} requests, prompt {writer.prompt.id} ({writer.prompt.hash})")
    for line in lines:
        cli.say(line)


def import_command(
    file: Annotated[
        Path,
        typer.Argument(
            help="Replies: lmms-eval's samples or EvalScope's predictions (.jsonl), VLMEvalKit's .xlsx or .tsv, "
            "Inspect's log (.eval)."
        ),
    ],
    task: Annotated[Path, typer.Option(help="Folder that `harness` has written for this run.")],
    output: options.Output,
    data: cli.Data = None,
    model: Annotated[str, typer.Option(help="Name of the model, for what is written beside the predictions.")] = "",
    price: options.Price = None,
    allow_missing: options.AllowMissing = False,
) -> None:
    r"""Make predictions of the replies that another harness got; they are read as `run` reads its own.

    Exit code 2: boxes are without an answer, and are listed.

    Examples::

        python -m benchmark.vlm import OUT/M/20270131_120000_samples_caponimage_test_0a1b2c3d.jsonl \
            --task lmms -o preds.jsonl
        python -m benchmark.vlm import OUT/M/M_caponimage_test_0a1b2c3d.xlsx --task LMUData -o preds.jsonl
    """
    from ...dataset import open_split
    from ..outputs import deliver
    from ..plan import prices_from
    from .folder import read_about
    from .imported import read_imported

    check_outputs({"--output": output}, [file, task])
    about = read_about(task)
    opened = open_split(data, about["split"])
    replies = read_imported(file, about, opened)
    replies.extra = {"model": model, "date": datetime.fromtimestamp(file.stat().st_mtime, UTC).date().isoformat()}
    prices = prices_from(price or "in=0,out=0")
    again = f"ask for them again in {about['harness']}"
    deliver(output, opened, replies, prices, again, allow_missing=allow_missing)
