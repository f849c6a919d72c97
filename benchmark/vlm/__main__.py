"""`python -m benchmark.vlm VERB`: caption a split with a vision-language model, and read predictions out of a log."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import cli
from ..errors import InputError
from ..files import check_outputs, is_stream
from ..shell import quoted

if TYPE_CHECKING:
    from ..dataset.store import Split
    from .logs import Replies
    from .session import Prices

app = cli.group()


@app.callback()
def main() -> None:
    """Caption a split with a vision-language model, and read predictions out of a log. Needs the extra `vlm`."""


_Output = Annotated[Path, cli.to_file("preds.jsonl", "-o", "--output", help="Prediction file to write (- is stdout).")]
_AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Write an empty caption for each box without an answer.")
]
_Price = Annotated[str | None, typer.Option(help="Prices of a million tokens, such as `in=0.5,out=2`.")]
_MetadataDraft = Annotated[
    Path | None,
    cli.to_file("metadata.yaml", "--metadata", help="Also write a draft of the metadata that `submit` needs."),
]


@app.command("run")
def run_command(
    model: Annotated[
        str,
        typer.Option(
            help="Inspect's name (`openai/gpt-4o`), `hf/FOLDER`, or with --base-url the server's name for it."
        ),
    ],
    output: _Output,
    base_url: Annotated[
        str | None, typer.Option(help="Address of an OpenAI-compatible server; its key is in $ENDPOINT_API_KEY.")
    ] = None,
    model_arg: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Argument of the provider, such as dtype=bfloat16; repeatable."),
    ] = None,
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
    structured: Annotated[
        bool, typer.Option("--structured", help="Have the server allow nothing but the expected JSON.")
    ] = False,
    price: _Price = None,
    max_cost: Annotated[float | None, typer.Option(help="Most that this run may cost; needs --price.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Most tokens that this run may use.", min=1)] = None,
    reply_tokens: Annotated[int, typer.Option(help="Longest reply in tokens, thoughts included.", min=1)] = 4096,
    temperature: Annotated[float, typer.Option(help="Temperature of sampling.", min=0)] = 0.0,
    connections: Annotated[int, typer.Option(help="Requests at a time.", min=1)] = 8,
    retries: Annotated[int, typer.Option(help="New attempts after an error of the server.", min=0)] = 6,
    timeout: Annotated[int, typer.Option(help="Seconds for a request, new attempts included.", min=1)] = 900,
    work: Annotated[
        Path | None, typer.Option(help="Folder of replies and logs. [default: FILE.vlm beside the output]")
    ] = None,
    log_images: Annotated[
        bool, typer.Option("--log-images", help="Put the pictures into the log, for Inspect's viewer.")
    ] = False,
    allow_missing: _AllowMissing = False,
    metadata: _MetadataDraft = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and ask for nothing.")] = False,
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
        # a model in a folder, without a server
        python -m benchmark.vlm run --model hf/models/Qwen2.5-VL-7B-Instruct \
            --model-arg dtype=bfloat16 --model-arg device=cuda:1 -o preds.jsonl
    """
    from ..dataset import open_dataset, open_split
    from .plan import plan, prices_from
    from .prompt import read_prompt, settings_from
    from .request import Writer, requests
    from .session import Session

    prices = prices_from(price) if price else prices_from("in=0,out=0")
    if max_cost is not None and not (price and max_cost > 0):
        raise InputError("--max-cost needs the prices of tokens, such as --price in=0.5,out=2, and a number above 0")
    if metadata is not None and metadata.exists():
        raise InputError(f"{metadata} exists and is not overwritten; name another file")
    if structured and not base_url and model.startswith("hf/"):
        raise InputError("--structured needs a server; hf/FOLDER cannot bind replies to a schema")
    if work is None and is_stream(output):
        raise InputError(f"-o {output} is a stream, so there is no place beside it; name a working folder with --work")
    opened = open_split(data, split)
    work = work or output.with_name(f"{output.name}.vlm")
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
    session = Session(planned.requests, planned.of_one, prices, max_cost or math.inf, max_tokens or math.inf)
    if planned.tokens > session.max_tokens or planned.price(prices) > session.max_cost:
        cli.note("the plan is above the budget: the run will stop asking when that is used up")
    if dry_run:
        return

    from .logs import read_replies
    from .run import ask, open_model

    options = {
        "max_tokens": reply_tokens, "temperature": temperature, "max_connections": connections,
        "max_samples": connections, "max_retries": retries, "timeout": timeout,
        "log_images": log_images,
    }  # fmt: skip
    task = {"data": data, "split": split, "images": limit, "prompt": prompt, **told}
    log = ask(task, open_model(model, base_url, model_arg or ()), session, work, **options)
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
    price: _Price = None,
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
