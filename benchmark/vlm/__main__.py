"""`python -m benchmark.vlm VERB`: caption with a vision-language model, here or in another harness, or judge by one."""

from pathlib import Path
from typing import Annotated

import typer

from .. import cli
from ..errors import InputError
from ..files import check_outputs
from ..shell import quoted
from . import options
from .harness.command import harness_command, import_command
from .judge_command import judge_command, votes_command

app = cli.group()


@app.callback()
def main() -> None:
    """Caption with a vision-language model, here or in another harness, or have one judge. Needs the extra `vlm`."""


@app.command("run")
def run_command(
    model: options.Model,
    output: options.Output,
    base_url: options.BaseUrl = None,
    model_arg: options.ModelArgument = None,
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
    max_cost: options.MaxCost = None,
    max_tokens: options.MaxTokens = None,
    reply_tokens: options.ReplyTokens = 4096,
    temperature: options.Temperature = 0.0,
    connections: options.Connections = 8,
    retries: options.Retries = 6,
    timeout: options.Timeout = 900,
    work: options.Work = None,
    log_images: options.LogImages = False,
    allow_missing: options.AllowMissing = False,
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
        # a model in a folder, without a server
        python -m benchmark.vlm run --model hf/models/Qwen2.5-VL-7B-Instruct \
            --model-arg dtype=bfloat16 --model-arg device=cuda:1 -o preds.jsonl
    """
    from ..dataset import open_dataset, open_split
    from .plan import plan
    from .prompt import read_prompt, settings_from
    from .request import Writer, requests

    prices = options.prices_of(price, max_cost)
    work = options.working_folder(work, output)
    if structured and not base_url and model.startswith("hf/"):
        raise InputError("--structured needs a server; hf/FOLDER cannot bind replies to a schema")
    opened = open_split(data, split)
    check_outputs({"--output": output, "--work": work}, [opened.directory])
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
    from .outputs import deliver
    from .run import ask, open_model

    settings = options.asking_options(reply_tokens, temperature, connections, retries, timeout, log_images=log_images)
    task = {"data": data, "split": split, "images": limit, "prompt": prompt, **told}
    log = ask(task, open_model(model, base_url, model_arg or ()), session, work, **settings)
    cli.note(f"log: {log} (`inspect view --log-dir {quoted(log.parent)}` shows it)")
    if session.stopped:
        cli.note(f"stopped asking: {session.stopped}")
    _, replies = read_replies(log, data)
    again = "run the same command again to ask for them"
    deliver(output, opened, replies, prices, again, allow_missing=allow_missing)


@app.command("export")
def export_command(
    log: Annotated[Path, typer.Argument(help="Log of the task `caponimage/caption`, a file .eval.")],
    output: options.Output,
    data: Annotated[str | None, typer.Option(help="Data set folder, or mini. [default: that of the run]")] = None,
    price: options.Price = None,
    allow_missing: options.AllowMissing = False,
) -> None:
    """Make predictions of a log: its replies are read again, and nothing is asked.

    Examples::

        python -m benchmark.vlm export logs/2027-01-31T12-00-00_caption.eval -o preds.jsonl
        python -m benchmark.vlm export run.eval --data DIR -o preds.jsonl
    """
    from .logs import read_replies
    from .outputs import deliver
    from .plan import prices_from

    check_outputs({"--output": output}, [log])
    opened, replies = read_replies(log, data)
    prices = prices_from(price or "in=0,out=0")
    again = "ask for them by the command that made the log"
    deliver(output, opened, replies, prices, again, allow_missing=allow_missing)


@app.command("metadata")
def metadata_command(
    predictions: Annotated[list[Path], typer.Argument(help="Prediction files of one entry: val, test, all seeds.")],
    output: Annotated[Path, cli.to_file("metadata.yaml", "-o", "--output", help="File to write.")] = Path(
        "metadata.yaml"
    ),
) -> None:
    """Draft the metadata of an entry from what runs have written beside their predictions.

    Examples::

        python -m benchmark.vlm metadata preds.val.jsonl preds.test.jsonl
    """
    from .entry import write_metadata
    from .outputs import read_about

    check_outputs({"--output": output}, predictions)
    write_metadata(output, {path: read_about(path) for path in predictions})
    cli.say(f"wrote {output}: fill in the rest; then: python -m benchmark.submit --help")


@app.command("page")
def page_command(
    predictions: Annotated[Path, typer.Argument(help="Prediction file of a run.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write the page to.")],
    data: cli.Data = None,
    entries: Annotated[
        Path | None, typer.Option(help="Folder of entries of the leaderboard to show beside it, such as submissions.")
    ] = None,
) -> None:
    """Write a page about a run: scores beside trained systems, slices, failures, tokens, price, and the worst boxes.

    Examples::

        python -m benchmark.vlm page preds.test.jsonl --entries submissions -o page
    """
    from ..dataset import open_split
    from .outputs import read_about
    from .page import write_run_page

    split = open_split(data, read_about(predictions)["split"])
    check_outputs({"--output": output}, [predictions, split.directory, *([entries] if entries else [])])
    cli.say(f"{write_run_page(output, predictions, split, entries)}: open it in a browser")


app.command("harness")(harness_command)
app.command("import")(import_command)
app.command("judge")(judge_command)
app.command("votes")(votes_command)


if __name__ == "__main__":
    cli.run(app)
