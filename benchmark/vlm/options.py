"""Options that verbs of `python -m benchmark.vlm` share, each with one help text, and what follows from them."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import cli
from ..errors import InputError
from ..files import is_stream

if TYPE_CHECKING:
    from .plan import AskingPlan
    from .session import Prices, Session

Output = Annotated[Path, cli.to_file("preds.jsonl", "-o", "--output", help="Prediction file to write (- is stdout).")]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Write an empty caption for each box without an answer.")
]

Model = Annotated[
    str,
    typer.Option(help="Inspect's name (`openai/gpt-4o`), `hf/FOLDER`, or with --base-url the server's name for it."),
]
BaseUrl = Annotated[
    str | None, typer.Option(help="Address of an OpenAI-compatible server; its key is in $ENDPOINT_API_KEY.")
]
ModelArgument = Annotated[
    list[str] | None,
    typer.Option(
        "--model-arg", metavar="NAME=VALUE", help="Argument of the provider, such as dtype=bfloat16; repeatable."
    ),
]
Structured = Annotated[bool, typer.Option("--structured", help="Have the server allow nothing but the expected JSON.")]
Price = Annotated[str | None, typer.Option(help="Prices of a million tokens, such as `in=0.5,out=2`.")]
MaxCost = Annotated[float | None, typer.Option(help="Most that this run may cost; needs --price.")]
MaxTokens = Annotated[int | None, typer.Option(help="Most tokens that this run may use.", min=1)]
ReplyTokens = Annotated[int, typer.Option(help="Longest reply in tokens, thoughts included.", min=1)]
Temperature = Annotated[float, typer.Option(help="Temperature of sampling.", min=0)]
Connections = Annotated[int, typer.Option(help="Requests at a time.", min=1)]
Retries = Annotated[int, typer.Option(help="New attempts after an error of the server.", min=0)]
Timeout = Annotated[int, typer.Option(help="Seconds for a request, new attempts included.", min=1)]
Work = Annotated[Path | None, typer.Option(help="Folder of replies and logs. [default: FILE.vlm beside the output]")]
LogImages = Annotated[bool, typer.Option("--log-images", help="Put the pictures into the log, for Inspect's viewer.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and ask for nothing.")]

Limit = Annotated[int | None, typer.Option(help="Number of images to ask for, the first ones.", min=1)]
PromptTexts = Annotated[str, typer.Option(help="Texts of the prompt: zh, en, or a TOML file.")]
Unit = Annotated[str, typer.Option(help="One request for each: image or box.")]
Coordinates = Annotated[
    str, typer.Option(help="How places are told: thousand, ratio, pixel, marks, or one of these with `+marks`.")
]
Length = Annotated[bool, typer.Option(help="Tell how many characters a box holds.")]
Neighbours = Annotated[bool, typer.Option("--neighbours", help="With --unit box: tell the places of the other boxes.")]
Without = Annotated[
    str, typer.Option(help="Inputs to leave out, joined by commas: image, text, location.", show_default=False)
]
Shots = Annotated[int, typer.Option(help="Examples from the train split.")]
Seed = Annotated[int, typer.Option(help="Seed with which these are drawn.")]


def prices_of(price: str | None, max_cost: float | None) -> "Prices":
    """The prices that were given; zero if none were.

    Raises:
        InputError: if they cannot be read, or a budget needs them.
    """
    from .plan import prices_from

    if max_cost is not None and not (price and max_cost > 0):
        raise InputError("--max-cost needs the prices of tokens, such as --price in=0.5,out=2, and a number above 0")
    return prices_from(price or "in=0,out=0")


def working_folder(work: Path | None, output: Path) -> Path:
    """The folder of replies and logs.

    Raises:
        InputError: if none was given, and there is no place beside the output.
    """
    if work is None and is_stream(output):
        raise InputError(f"-o {output} is a stream, so there is no place beside it; name a working folder with --work")
    return work or output.with_name(f"{output.name}.vlm")


def session_of(plan: "AskingPlan", prices: "Prices", max_cost: float | None, max_tokens: int | None) -> "Session":
    """The session of a plan with its budget; notes if the plan is above that."""
    from .session import Session

    session = Session(plan.requests, plan.of_one, prices, max_cost or math.inf, max_tokens or math.inf)
    if plan.tokens > session.max_tokens or plan.price(prices) > session.max_cost:
        cli.note("the plan is above the budget: the run will stop asking when that is used up")
    return session


def asking_options(
    reply_tokens: int, temperature: float, connections: int, retries: int, timeout: int, *, log_images: bool
) -> dict[str, Any]:
    """Settings of replies and connections, by Inspect's names.

    Raises:
        InputError: if the temperature is no number.
    """
    if not math.isfinite(temperature):
        raise InputError(f"--temperature: got {temperature}, expected a number from 0")
    return {
        "max_tokens": reply_tokens, "temperature": temperature, "max_connections": connections,
        "max_samples": connections, "max_retries": retries, "timeout": timeout,
        "log_images": log_images,
    }  # fmt: skip
