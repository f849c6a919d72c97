"""`python -m benchmark.vlm VERB`: caption a split with a vision-language model, here or in another harness."""

import math
from pathlib import Path
from typing import Annotated

import typer

from .. import cli
from ..errors import InputError
from ..files import check_outputs, is_stream
from ..shell import quoted
from . import options
from .harness.command import harness_command, import_command

app = cli.group()


@app.callback()
def main() -> None:
    """Caption a split with a vision-language model, here or in another harness. Needs the extra `vlm`."""


@app.command("run")
def run_command(
    model: Annotated[
        str, typer.Option(help="Model by Inspect's name (`openai/gpt-4o`), or with --base-url by the server's.")
    ],
    output: options.Output,
    base_url: Annotated[
        str | None, typer.Option(help="Address of an OpenAI-compatible server; its key is in $ENDPOINT_API_KEY.")
    ] = None,
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
    price: options.Price = None,
    max_cost: Annotated[float | None, typer.Option(help="Most that this run may cost; needs --price.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Most tokens that this run may use.", min=1)] = None,
    reply_tokens: options.ReplyTokens = 4096,
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
    allow_missing: options.AllowMissing = False,
    metadata: options.MetadataDraft = None,
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
    from .outputs import deliver
    from .run import ask, open_model

    asking = {
        "max_tokens": reply_tokens, "temperature": temperature, "max_connections": connections,
        "max_samples": connections, "max_retries": retries, "timeout": timeout,
        "log_images": log_images,
    }  # fmt: skip
    task = {"data": data, "split": split, "images": limit, "prompt": prompt, **told}
    log = ask(task, open_model(model, base_url), session, work, **asking)
    cli.note(f"log: {log} (`inspect view --log-dir {quoted(log.parent)}` shows it)")
    if session.stopped:
        cli.note(f"stopped asking: {session.stopped}")
    _, replies = read_replies(log, data)
    again = "run the same command again to ask for them"
    deliver(output, opened, replies, prices, again, allow_missing=allow_missing, metadata=metadata)


@app.command("export")
def export_command(
    log: Annotated[Path, typer.Argument(help="Log of the task `caponimage/caption`, a file .eval.")],
    output: options.Output,
    data: Annotated[str | None, typer.Option(help="Data set folder, or mini. [default: that of the run]")] = None,
    price: options.Price = None,
    allow_missing: options.AllowMissing = False,
    metadata: options.MetadataDraft = None,
) -> None:
    """Make predictions of a log: its replies are read again, and nothing is asked.

    Examples::

        python -m benchmark.vlm export logs/2027-01-31T12-00-00_caption.eval -o preds.jsonl
        python -m benchmark.vlm export run.eval --data DIR -o preds.jsonl --metadata metadata.yaml
    """
    from .logs import read_replies
    from .outputs import deliver
    from .plan import prices_from

    check_outputs({"--output": output, "--metadata": metadata}, [log])
    opened, replies = read_replies(log, data)
    prices = prices_from(price or "in=0,out=0")
    again = "ask for them by the command that made the log"
    deliver(output, opened, replies, prices, again, allow_missing=allow_missing, metadata=metadata)


app.command("harness")(harness_command)
app.command("import")(import_command)


if __name__ == "__main__":
    cli.run(app)
