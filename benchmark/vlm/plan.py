"""The plan of a run before a single request is sent: how many, how long, at what price."""

from dataclasses import dataclass
from statistics import fmean

from ..errors import InputError
from .prompt import Prompt
from .request import CaptionRequest, Writer
from .session import Prices

#: Requests that are written to estimate the length of all.
_SAMPLE = 20

#: Pixels of a picture that cost a token, about: 28 x 28 for Qwen-VL, 750 for Claude; OpenAI's tiles come near it.
_PIXELS = 784

#: Tokens of a caption with its number in JSON, and of the rest of a reply.
_CAPTION, _REST = 14, 10


@dataclass(frozen=True)
class AskingPlan:
    """What a run will ask for.

    Attributes:
        requests: number of requests.
        images, boxes: images and boxes in them.
        tokens_in, tokens_out: estimated tokens of all requests and of all replies without thoughts.
    """

    requests: int
    images: int
    boxes: int
    tokens_in: int
    tokens_out: int

    @property
    def of_one(self) -> tuple[float, float]:
        """Estimated tokens in and out of one request."""
        return self.tokens_in / max(1, self.requests), self.tokens_out / max(1, self.requests)

    @property
    def tokens(self) -> int:
        """Estimated tokens in all."""
        return self.tokens_in + self.tokens_out

    def price(self, prices: Prices) -> float:
        """Estimated price."""
        return prices.of(self.tokens_in, self.tokens_out)

    def lines(self, model: str, prompt: Prompt, prices: Prices) -> list[str]:
        """The plan in words."""
        return [
            f"plan: {self.requests:,} requests for {self.boxes:,} boxes of {self.images:,} images to {model}",
            f"prompt: {prompt.id} ({prompt.hash})",
            self.estimate(prices),
        ]

    def estimate(self, prices: Prices) -> str:
        """Tokens and price in words."""
        priced = f", price about {price:.4g}" if (price := self.price(prices)) else ""
        return f"estimate: {self.tokens_in:,} tokens in, {self.tokens_out:,} out without thoughts{priced}"


def plan(writer: Writer, asked: list[CaptionRequest]) -> AskingPlan:
    """Plan some requests."""
    step = max(1, len(asked) // _SAMPLE)
    some = asked[::step]
    shown = text_tokens(writer.prompt.texts["system"])
    examples = 0.0
    for (question, answer), image_id in zip(writer.examples, writer.example_ids, strict=True):
        examples += text_tokens(question.text) + text_tokens(answer.text)
        if question.picture is not None and writer.train is not None:
            examples += picture_tokens(*writer.train.sizes[writer.train.position(image_id)].tolist())
    each = []
    for one in some:
        text = text_tokens("\n".join(writer.lines(one, writer.row(one))))
        each.append(text + (picture_tokens(*writer.split.sizes[one.image].tolist()) if writer.shows_pictures else 0))
    boxes = sum(len(one.boxes) for one in asked)
    tokens_in = round((shown + examples + (fmean(each) if each else 0)) * len(asked))
    images = len({one.image for one in asked})
    return AskingPlan(len(asked), images, boxes, tokens_in, boxes * _CAPTION + len(asked) * _REST)


def text_tokens(text: str) -> float:
    """Tokens of a text, about: one for a Chinese character, one for four others."""
    wide = sum(character > "\u2e7f" for character in text)
    return wide + (len(text) - wide) / 4


def picture_tokens(width: int, height: int) -> int:
    """Tokens of a picture, about."""
    return width * height // _PIXELS + 4


def prices_from(text: str) -> Prices:
    """Read `in=0.5,out=2`: the prices of a million tokens.

    Raises:
        InputError: if it is anything else.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            found[name.strip()] = -1.0
    if set(found) != {"in", "out"} or not all(0 <= price < 1e6 for price in found.values()):
        raise InputError(f"--price: got {text!r:.60}, expected in=0.5,out=2: the prices of a million tokens")
    return Prices(found["in"], found["out"])
