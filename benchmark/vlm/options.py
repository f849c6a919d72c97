"""Options that verbs of `python -m benchmark.vlm` share, each with one help text."""

from pathlib import Path
from typing import Annotated

import typer

from .. import cli

Output = Annotated[Path, cli.to_file("preds.jsonl", "-o", "--output", help="Prediction file to write (- is stdout).")]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Write an empty caption for each box without an answer.")
]
Price = Annotated[str | None, typer.Option(help="Prices of a million tokens, such as `in=0.5,out=2`.")]

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
Structured = Annotated[bool, typer.Option("--structured", help="Have the server allow nothing but the expected JSON.")]
ReplyTokens = Annotated[int, typer.Option(help="Longest reply in tokens, thoughts included.", min=1)]
