"""Page texts and the logo of a challenge, as Markdown for Codabench or HTML for EvalAI."""

import html
import io
import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from ..metrics import BOARD

#: A page as paragraphs; the first is the heading.
Page = list[str]


@dataclass(frozen=True)
class Challenge:
    """Settings of a challenge that its organiser chooses.

    Attributes:
        title: title of the challenge, at most 64 characters.
        start: first day of the val phase.
        test_start: first day of the test phase.
        end: last day of the challenge.
        time_limit: time limit for scoring one submission, in seconds.
        synthetic: whether the data are synthetic; the overview page then says so.
    """

    title: str
    start: date
    test_start: date
    end: date
    time_limit: int
    synthetic: bool


def pages(plan: Challenge) -> dict[str, Page]:
    """The pages of a challenge, by name."""
    synthetic = ["The data of this challenge are synthetic; its numbers say nothing about real product images."]
    return {
        "overview": [
            plan.title,
            "Given a product image, text boxes on it, and the product's title and attributes: write a short Chinese "
            "caption for every box.",
            f"Phases: val from {plan.start}, test from {plan.test_start}, until {plan.end}. Images, boxes, titles and "
            "attributes of both are published without captions; all text on the images is blacked out.",
            *(synthetic if plan.synthetic else []),
        ],
        "evaluation": [
            "Evaluation",
            f"Columns: {', '.join(metric.name for metric in BOARD)}. {BOARD[0].name} ranks. Captions are compared "
            "character by character; scores are those of `python -m benchmark.score`, to the last digit.",
            f"A submission that cannot be scored is refused with all its problems. Limit: {plan.time_limit} seconds.",
        ],
        "submission": [
            "Submission",
            "A zip archive with `preds.jsonl` at its root and nothing else: one JSON object per box, one a line, every "
            "box of the split exactly once.",
            '`{"image_id": "...", "box": 0, "caption": "..."}`',
            "`box` is the index of the box in its image's list, from 0. `preds.jsonl.gz` and `preds.jsonl.zst` are "
            "taken too. Check before you upload: `python -m benchmark.validate preds.jsonl --data DIR --split test`.",
        ],
        "terms": [
            "Terms",
            "Captions of val and test may not be obtained in any other way, nor be used for training. Say in the "
            "method's description which other data were used. Results may be published with the name of the team.",
        ],
    }


def markdown(page: Page) -> str:
    """A page as Markdown."""
    return "\n\n".join([f"# {page[0]}", *page[1:]]) + "\n"


def as_html(page: Page) -> str:
    """A page as a piece of HTML."""
    heading, *paragraphs = (re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False)) for text in page)
    return "\n".join([f"<h2>{heading}</h2>", *(f"<p>{text}</p>" for text in paragraphs), ""])


def logo(form: Literal["PNG", "JPEG"]) -> bytes:
    """A logo, 256 x 256 pixels: a picture with text boxes."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (256, 256), (246, 244, 238))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((88, 96, 168, 216), fill=(0, 158, 115))
    for corners in ((24, 24, 232, 60), (24, 92, 76, 120), (180, 150, 232, 178)):
        draw.rectangle(corners, fill=(255, 255, 255), outline=(0, 114, 178), width=4)
    file = io.BytesIO()
    picture.save(file, form)
    return file.getvalue()
