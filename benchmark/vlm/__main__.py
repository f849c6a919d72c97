"""`python -m benchmark.vlm VERB`: caption a split with a vision-language model, or judge captions by one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import cli
from ..errors import InputError
from ..files import check_outputs
from ..shell import quoted
from . import options
from .judge_command import judge_command, votes_command

if TYPE_CHECKING:
    from ..dataset.store import Split
    from .logs import Replies
    from .session import Prices

app = cli.group()


@app.callback()
def main() -> None:
    """Caption a split with a vision-language model, or have a model judge captions. Needs the extra `vlm`."""


_Output = Annotated[Path, cli.to_file("preds.jsonl", "-o", "--output", help="Prediction file to write (- is stdout).")]
_AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Write an empty caption for each box without an answer.")
]
_MetadataDraft = Annotated[
    Path | None,
    cli.to_file("metadata.yaml", "--metadata", help="Also write a draft of the metadata that `submit` needs."),
]


@app.command("run")
def run_command(
    model: options.Model,
    output: _Output,
    base_url: options.BaseUrl = None,
    data: cli.Data = None,
    split: cli.SplitName = "test",
    limit: Annotated[int | None, typer.Option(help="Number of images to ask for, the first ones.", min=1)] = None,
    prompt: Annotated[str, typer.Option(help="Texts of the prompt: zh, en, or a TOML file.")] = "zh",
    unit: Annotated[str, typer.Option(help="One request for each: image or box.")] = "image",
    coordinates: Annotated[
        str, typer.Option(help="How places are told: thousand, ratio, pixel, marks, or one of these with `+marks`.")
    ] = "thousand+marks",
    length: Annotated[bool, typer.Option(help="Tell how many characters a box holds.")] = True,
    neighbours: Annotated[
        bool, typer.Option("--neighbours", help="With --unit box: tell the places of the other boxes.")
    ] = False,
    without: Annotated[
        str, typer.Option(help="Inputs to leave out, joined by commas: image, text, location.", show_default=False)
    ] = "",
    shots: Annotated[int, typer.Option(help="Examples from the train split.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed with which these are drawn.")] = 1,
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
    allow_missing: _AllowMissing = False,
    metadata: _MetadataDraft = None,
    dry_run: options.DryRun = False,
) -> None:
    r"""Ask a model for the captions of a split; the same command goes on where it was stopped.

    API keys are read from the environment alone. Exit code 2: boxes are without an answer; run it again.

    Examples::

        # a server of one's own, such as vLLM
        python -m benchmark.vlm run --model Qwen/Qwen2.5-VL-7B-Instruct \
            --base-url http://localhost:8000/v1 --split val -o preds.val.jsonl
        # a provider, with a budget; first the plan alone
        python -m benchmark.vlm run --model openai/gpt-4o -o preds.jsonl \
            --price in=2.5,out=10 --max-cost 20 --dry-run
    """
    from ..dataset import open_dataset, open_split
    from .plan import plan
    from .prompt import read_prompt, settings_from
    from .request import Writer, requests

    prices = options.prices_of(price, max_cost)
    if metadata is not None and metadata.exists():
        raise InputError(f"{metadata} exists and is not overwritten; name another file")
    work = options.working_folder(work, output)
    opened = open_split(data, split)
    check_outputs({"--output": output, "--work": work, "--metadata": metadata}, [opened.directory])
    if limit and limit < opened.n_images and output.suffix in (".gz", ".zst"):
        raise InputError("--limit writes a part of a prediction file, which is not packed; take another --output")
    told = {
        "unit": unit, "coordinates": coordinates, "length": length, "neighbours": neighbours, "without": without,
        "shots": shots, "seed": seed, "structured": structured,
    }  # fmt: skip
    writer = Writer(opened, read_prompt(prompt, settings_from(told)), open_dataset(data).get("train"))
    planned = plan(writer, requests(opened, writer.prompt, limit))
    for line in planned.lines(model, writer.prompt, prices):
        cli.note(line)
    session = options.session_of(planned, prices, max_cost, max_tokens)
    if dry_run:
        return

    from .logs import read_replies
    from .run import ask, open_model

    settings = options.asking_options(reply_tokens, temperature, connections, retries, timeout, log_images=log_images)
    task = {"data": data, "split": split, "images": limit, "prompt": prompt, **told}
    log = ask(task, open_model(model, base_url), session, work, **settings)
    cli.note(f"log: {log} (`inspect view --log-dir {quoted(log.parent)}` shows it)")
    if session.stopped:
        cli.note(f"stopped asking: {session.stopped}")
    _, replies = read_replies(log, data)
    again = "run the same command again to ask for them"
    _write(output, opened, replies, prices, again, allow_missing=allow_missing, metadata=metadata)


@app.command("export")
def export_command(
    log: Annotated[Path, typer.Argument(help="Log of the task `caponimage/caption`, a file .eval.")],
    output: _Output,
    data: Annotated[str | None, typer.Option(help="Data set folder, or mini. [default: that of the run]")] = None,
    price: options.Price = None,
    allow_missing: _AllowMissing = False,
    metadata: _MetadataDraft = None,
) -> None:
    """Make predictions of a log: its replies are read again, and nothing is asked.

    Examples::

        python -m benchmark.vlm export logs/2027-01-31T12-00-00_caption.eval -o preds.jsonl
        python -m benchmark.vlm export run.eval --data DIR -o preds.jsonl --metadata metadata.yaml
    """
    from .logs import read_replies
    from .plan import prices_from

    check_outputs({"--output": output, "--metadata": metadata}, [log])
    opened, replies = read_replies(log, data)
    prices = prices_from(price or "in=0,out=0")
    again = "ask for them by the command that made the log"
    _write(output, opened, replies, prices, again, allow_missing=allow_missing, metadata=metadata)


app.command("judge")(judge_command)
app.command("votes")(votes_command)


def _write(
    output: Path,
    split: "Split",
    replies: "Replies",
    prices: "Prices",
    again: str,
    *,
    allow_missing: bool,
    metadata: Path | None,
) -> None:
    """Write predictions and what is to be known of them, or list the boxes that have no caption."""
    from .outputs import write_about, write_captions, write_metadata

    unanswered = len(replies.unanswered)
    if unanswered and not allow_missing:
        raise InputError(
            f"{unanswered:,} of {len(replies.asked):,} boxes have no caption, so {output} was not written; "
            f"{again}, or write empty captions with --allow-missing",
            *replies.unanswered_lines(),
        )
    about = replies.describe(prices)
    if metadata:
        write_metadata(metadata, about)
    write_captions(output, split, replies.captions, replies.asked)
    beside = write_about(output, about)
    cli.note(f"{len(replies.asked):,} boxes, {unanswered:,} without an answer" + (f"; {beside}" if beside else ""))
    if len(replies.asked) < split.n_boxes:
        cli.note(f"{output} has some boxes of the split, so it cannot be scored or submitted")
    elif str(output) != "-":
        where = f"--data {quoted(split.directory)} --split {split.name}"
        cli.say(f"wrote {output}; then: python -m benchmark.score {quoted(output)} {where}")


if __name__ == "__main__":
    cli.run(app)
