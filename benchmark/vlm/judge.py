"""Ask a model which of two systems captions an image better: what is shown, in which order, and how a reply is read.

Invariants:
* a request knows two captionings, the first and the second, and no system: no name can reach the judge;
* every two systems are shown in both orders;
* no text of the original picture is shown, since that would tell the references.
"""

import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from pathlib import Path
from statistics import fmean
from typing import Any

from PIL import Image

from ..dataset.hidden import hidden_picture, hidden_row
from ..dataset.store import Split
from ..errors import InputError
from ..preferences.sample import sampled
from ..preferences.votes import AXES, PLACES
from ..rendering import LONG_SIDE, draw_captions, enlarged
from .plan import AskingPlan, picture_tokens, text_tokens
from .prompt import read_texts
from .reply import Failure, UnusableReplyError, read_objects
from .request import draw_marks

#: What the judge is shown: both captionings drawn into the boxes, or one picture with frames.
PICTURES = ("drawn", "masked")
ANSWERS = ("A", "tie", "B")
SHAPE = dict.fromkeys(AXES, "A | B | tie")

_FOLDER = Path(__file__).parent / "prompts" / "judge"
_TEXTS: dict[str, set[str]] = {
    "system": set(),
    "title": {"title"},
    "attributes": {"attributes"},
    "masked": set(),
    "drawn": {"label"},
    "captions": {"label", "captions"},
    **{axis: set() for axis in AXES},
    "ask": {"example"},
}
_TIES = ("tie", "same", "equal", "draw", "平", "平局", "相同", "一样", "不分高下")
_LABEL = re.compile(r"(?:文案|captions?|set)?\s*([ab])", re.IGNORECASE)

#: Tokens of a reply without thoughts.
_REPLY = 30


@dataclass(frozen=True)
class JudgePrompt:
    """Texts of a judge's requests, and what else makes these.

    Attributes:
        name: name of the texts.
        texts: text by name.
        picture: one of `PICTURES`.
        structured: whether the server is asked to allow nothing but the expected JSON.
    """

    name: str
    texts: Mapping[str, str]
    picture: str = "drawn"
    structured: bool = False

    @cached_property
    def hash(self) -> str:
        """SHA-256 of all texts and settings, 16 hex digits."""
        content = [dict(self.texts), self.picture, self.structured, LONG_SIDE]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def id(self) -> str:
        """The prompt in short, for people: `judge/zh/drawn`."""
        return "/".join(["judge", self.name, self.picture, *(["structured"] if self.structured else [])])


def read_judge_prompt(prompt: str, picture: str = "drawn", *, structured: bool = False) -> JudgePrompt:
    """Read the texts of a judge's prompt.

    Args:
        prompt: name of a prompt that comes with this package, or the path of a TOML file.
        picture: one of `PICTURES`.
        structured: whether replies are bound to a JSON schema.

    Raises:
        InputError: with all that is wrong with either.
    """
    name, tables, problems = read_texts(prompt, _FOLDER, {"texts": _TEXTS})
    if picture not in PICTURES:
        problems.append(f"--picture: got {picture!r:.60}, expected {' or '.join(PICTURES)}")
    if problems:
        raise InputError(*problems)
    return JudgePrompt(name, tables["texts"], picture, structured)


@dataclass(frozen=True)
class Pairing:
    """One request: two captionings of an image in an order.

    Attributes:
        id: name of the request.
        image: index of the image in its split.
        image_id: id of the image.
        first, second: captions of all boxes, at the first place and at the second.
    """

    id: str
    image: int
    image_id: str
    first: tuple[str, ...]
    second: tuple[str, ...]


@dataclass(frozen=True)
class Ballot:
    """A vote that is to be had.

    Attributes:
        image_id: id of the image.
        first, second: names of the systems at the two places.
        pairing: id of the request that tells the vote; None if both captionings are equal, so that it is a tie.
    """

    image_id: str
    first: str
    second: str
    pairing: str | None


def draw_up(
    split: Split, systems: Mapping[str, Sequence[str]], images: int, seed: int
) -> tuple[list[Pairing], list[Ballot]]:
    """Draw images, and list what is to be asked about them.

    Two systems with equal captions are not asked about, and requests that are equal are one.

    Args:
        split: split of the captions.
        systems: captions of each system, one for each box of the split.
        images: number of images to draw.
        seed: random seed of the draw; a human study with this seed shows the same images.
    """
    pairings: list[Pairing] = []
    ballots: list[Ballot] = []
    for image_id in sampled(split.image_ids, images, seed):
        image = split.position(image_id)
        boxes = slice(*split.offsets[image : image + 2].tolist())
        known: dict[tuple[tuple[str, ...], ...], str] = {}
        for first, second in permutations(systems, 2):
            shown = (tuple(systems[first][boxes]), tuple(systems[second][boxes]))
            if shown[0] == shown[1]:
                ballots.append(Ballot(image_id, first, second, None))
                continue
            if shown not in known:
                known[shown] = f"{image_id}/{len(known) + 1}"
                pairings.append(Pairing(known[shown], image, image_id, *shown))
            ballots.append(Ballot(image_id, first, second, known[shown]))
    return pairings, ballots


class JudgeWriter:
    """Writes the requests of a judge."""

    def __init__(self, split: Split, prompt: JudgePrompt) -> None:
        """Take a split and a prompt.

        Raises:
            InputError: if the split has no pictures.
        """
        self.split, self.prompt = split, prompt
        if not split.image_path(split.image_ids[0]).is_file():
            raise InputError(
                f"data set {split.dataset!r} has no pictures in {split.picture_folder}; a judge sees the captions on "
                "the picture, so add them"
            )

    def parts(self, pairing: Pairing) -> Iterator[str | Image.Image]:
        """The question of a request: texts and pictures, in the order in which they are shown."""
        texts = self.prompt.texts
        [row] = self.split.rows(only=range(pairing.image, pairing.image + 1))
        row = hidden_row(row)
        blank = enlarged(hidden_picture(self.split, row).convert("RGB"))
        product = {"title": row["title"], "attributes": row["attributes"]}
        yield "\n".join(texts[name].format(**product) for name in ("title", "attributes"))
        if self.prompt.picture == "masked":
            yield texts["masked"]
            draw_marks(blank, {box + 1: corners for box, corners in enumerate(row["boxes"])})
            yield blank
        for label, captions in (("A", pairing.first), ("B", pairing.second)):
            numbered = {str(box + 1): caption for box, caption in enumerate(captions)}
            yield texts["captions"].format(label=label, captions=json.dumps(numbered, ensure_ascii=False))
            if self.prompt.picture == "drawn":
                yield texts["drawn"].format(label=label)
                yield draw_captions(blank, row["boxes"], captions)
        ask = texts["ask"].format(example=json.dumps(SHAPE))
        yield "\n".join([*(texts[axis] for axis in AXES), ask])

    def plan(self, pairings: Sequence[Pairing]) -> AskingPlan:
        """Plan some requests."""
        each = []
        for one in pairings[:: max(1, len(pairings) // 10)]:
            parts = list(self.parts(one))
            told = "\n".join([self.prompt.texts["system"], *(part for part in parts if isinstance(part, str))])
            shown = sum(picture_tokens(*part.size) for part in parts if not isinstance(part, str))
            each.append(text_tokens(told) + shown)
        images = len({one.image for one in pairings})
        boxes = sum(len(one.first) for one in pairings)
        tokens_in = round(fmean(each) * len(pairings)) if each else 0
        return AskingPlan(len(pairings), images, boxes, tokens_in, len(pairings) * _REPLY)


def png(picture: Image.Image) -> bytes:
    """A picture as a PNG file."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def read_verdict(text: str, *, stop_reason: str = "stop") -> dict[str, str]:
    """Read the place that is better on each criterion.

    Args:
        text: the reply as it came.
        stop_reason: why the model stopped, in Inspect's words.

    Returns:
        One of `votes.PLACES` for each criterion.

    Raises:
        UnusableReplyError: if the reply does not answer every question in one way.
    """
    for found in read_objects(text, stop_reason=stop_reason):
        answers = {axis: _place(found.get(axis)) for axis in AXES}
        if all(answers.values()):
            return answers
    raise UnusableReplyError(Failure.unparsable)


def _place(answer: Any) -> str:
    """The place of an answer; empty if it is none."""
    if not isinstance(answer, str):
        return ""
    answer = answer.strip().lower()
    if answer in _TIES:
        return PLACES[1]
    label = _LABEL.fullmatch(answer)
    return "" if not label else PLACES[0] if label[1] == "a" else PLACES[2]
