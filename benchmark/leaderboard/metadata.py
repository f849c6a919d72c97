"""The metadata of an entry, metadata.yaml: its schema, a commented template, and a safe reader.

The checks, the template and the JSON Schema all follow from the model `Metadata`, so that they cannot differ.

Invariants:
* a value is read as it is written, or refused: YAML says only where it begins and ends, and the field says what it is,
  by a grammar of its own (YAML's readers take `1:30` for 90 and `071` for 57);
* the file is untrusted: its size is bounded, and `plain_yaml` refuses all that could act or expand;
* all problems are reported at once, each with its line;
* text contains no control or invisible characters and URLs are http(s), but text is not HTML: code that shows it must
  escape it;
* only maintainers set `checked` and `reproduced`; `read_metadata` refuses them unless `maintainer` is true.
"""

import datetime
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any
from unicodedata import category

import yaml  # type: ignore[import-untyped]
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from ..cli import as_called
from ..errors import InputError
from ..invisible import invisible_characters
from .plain_yaml import MAX_BYTES, read_yaml

MAX_SEEDS = 20
_LINE_END = "\n"
_URL = re.compile(r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:[/?#][!#-&(-;=?-\[\]_a-z~]*)?")
_MAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
#: Invisible characters that scripts and emoji need; the others reorder or hide text.
_JOINERS = set("\u200c\u200d\ufe0e\ufe0f")


def _one_line(text: str) -> str:
    if any(category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in text if c not in _JOINERS) or (
        set(invisible_characters(text)) - _JOINERS
    ):
        raise ValueError("control characters, invisible characters or line breaks are not allowed")
    if text and not any(category(c)[0] in "LNPS" for c in text):
        raise ValueError("expected at least one visible character")
    return text


def _lines(text: str) -> str:
    return _LINE_END.join(_one_line(line.rstrip()) for line in text.rstrip().split(_LINE_END))


def _once(seeds: list[int]) -> list[int]:
    if len(set(seeds)) < len(seeds):
        raise ValueError("expected every seed once")
    return seeds


def _url(text: str) -> str:
    if not _URL.fullmatch(text):
        raise ValueError("expected an address that starts with https:// or http://, in ASCII, without quotes")
    return text


def _reachable(text: str) -> str:
    if not _MAIL.fullmatch(text) and not _URL.fullmatch(text):
        raise ValueError("expected an e-mail address, or an address that starts with https://")
    return text


def _written(pattern: str, expected: str, read: Callable[[str], Any]) -> BeforeValidator:
    """A validator that reads text of one form, and refuses all other text; values that are no text pass."""
    form = re.compile(pattern)

    def check(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if not form.fullmatch(value):
            raise ValueError(f"expected {expected}")
        return read(value)

    return BeforeValidator(check)


Integer = Annotated[
    int, _written("0|-?[1-9][0-9]{0,30}", "an integer in digits, without leading zeros, units, `_`, `,` or `:`", int)
]
Number = Annotated[
    float,
    _written(
        r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?",
        "a number such as 12.5, in digits, without leading zeros, units, `_`, `,` or `:`",
        float,
    ),
]
Flag = Annotated[bool, _written("(?i:true|false)", "true or false", lambda text: text.lower() == "true")]
Day = Annotated[
    datetime.date, _written("[0-9]{4}-[0-9]{2}-[0-9]{2}", "a day as YYYY-MM-DD", datetime.date.fromisoformat)
]
Text = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
Name = Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_one_line)]
Url = Annotated[str, Field(max_length=500), AfterValidator(_url)]
Seed = Annotated[Integer, Field(ge=0, lt=2**32)]


def _field(description: str, example: Any, **more: Any) -> Any:
    return Field(description=description, examples=[example], **more)


class Metadata(BaseModel):
    """The content of metadata.yaml."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, str_strip_whitespace=True)

    name: Name = _field("Name of the system, as the board shows it.", "M2 + OCR tokens")
    authors: list[Text] = _field("Names of the authors.", ["Li Hua", "A. Author"], min_length=1, max_length=100)
    contact: Annotated[Text, AfterValidator(_reachable)] = _field(
        "E-mail or web address of a person to ask.", "li.hua@example.org"
    )
    organisation: Text = _field("Organisation of the authors.", "University of Example")
    paper_url: Url | None = _field(
        "Address of the paper or report, if there is one.", "https://example.org/paper.pdf", default=None
    )
    code_url: Url | None = _field(
        "Address of the public code, if there is any.", "https://example.org/code", default=None
    )
    code_commit: Annotated[str, Field(pattern="^[0-9a-f]{7,64}$")] | None = _field(
        "The commit that was run, 7 to 64 hex digits; needed with code_url.", "0123abc", default=None
    )
    training_command: Annotated[str, Field(max_length=4000), AfterValidator(_lines)] | None = _field(
        "The exact command that trains the system, without placeholders.", "python train.py --seed 1", default=None
    )
    license: Text = _field("Licence of the code and weights; `none` if they are not public.", "Apache-2.0")
    date: Annotated[Day, Field(ge=datetime.date(2022, 1, 1), lt=datetime.date(2100, 1, 1))] = _field(
        "Day of the submission; the folder's name starts with it.", datetime.date(2027, 1, 31)
    )
    prompt: Text | None = _field(
        "Identifier and hash of the prompt, if the system was prompted and not trained.",
        "zh/image/thousand+marks/length (0123456789abcdef)",
        default=None,
    )
    uses_external_data: Flag = _field("Whether other data than the train split was used, at any stage.", False)
    external_data: Text | None = _field(
        "Name of that data; needed if uses_external_data is true.", "LAION-5B", default=None
    )
    pretrained_from: list[Text] = _field(
        "Pretrained parts that the system starts from; [] if none.", ["ResNet-50"], max_length=50
    )
    trained_on_val_or_test: Flag = _field("Whether val or test, inputs or references, were trained on.", False)
    provider: Text | None = _field(
        "Who ran the model that was prompted: a provider, or `own server`; needed with prompt.",
        "own server",
        default=None,
    )
    unanswered_boxes: Integer | None = _field(
        "Number of boxes, over all files, without a usable answer of that model, so that their captions are empty; "
        "needed with prompt.",
        12,
        default=None,
        ge=0,
        le=10**9,
    )
    tokens_per_image: Number | None = _field(
        "Tokens in and out for each image, with prompt.", 1250.5, default=None, ge=0, le=1e9, allow_inf_nan=False
    )
    cost_per_1000_images: Number | None = _field(
        "Price of 1,000 images in US dollars, with prompt.", 1.75, default=None, ge=0, le=1e9, allow_inf_nan=False
    )
    n_params: Integer | None = _field(
        "Number of parameters, summed over all stages and including frozen ones; needed unless there is a prompt.",
        71_000_000,
        default=None,
        ge=0,
        le=10**14,
    )
    hardware: Text = _field("Hardware of the training.", "1 x H100")
    gpu_hours: Number | None = _field(
        "GPU hours of one training.", 12.5, default=None, ge=0, le=1e9, allow_inf_nan=False
    )
    seeds: Annotated[list[Seed], AfterValidator(_once)] = _field(
        "One number per prediction file, in the order of the files.", [1, 2, 3], min_length=1, max_length=MAX_SEEDS
    )
    decoding: Text = _field("How captions are decoded.", "beam search, width 5")
    attempts: Integer = _field("How often the test split was scored before choosing this system.", 1, ge=1, le=10**6)
    open_weights: Flag = _field("Whether the weights are public.", True)
    checked: Flag = _field("Maintainers only: scores were recomputed.", False, default=False)
    reproduced: Flag = _field("Maintainers only: a maintainer has run the system.", False, default=False)

    @model_validator(mode="after")
    def _consistent(self) -> "Metadata":
        if self.uses_external_data != (self.external_data is not None):
            raise ValueError("external_data: name the data if uses_external_data is true, and only then")
        if self.code_url and not self.code_commit:
            raise ValueError("code_commit: missing; code_url needs the commit that was run")
        if self.prompt is None:
            if self.n_params is None:
                raise ValueError("n_params: missing; a system without a prompt needs it")
            if told := [name for name in PROMPTED if getattr(self, name) is not None]:
                raise ValueError(f"prompt: missing; {', '.join(told)}: given, as only a prompted system has")
        else:
            if missing := [name for name in ("provider", "unanswered_boxes") if getattr(self, name) is None]:
                raise ValueError(f"{missing[0]}: missing; a system with a prompt needs it")
            if not self.uses_external_data:
                raise ValueError(
                    "uses_external_data: expected true, since the model that is prompted was trained on it"
                )
        return self


#: Fields that only systems with a prompt have, beside it.
PROMPTED = ("provider", "unanswered_boxes", "tokens_per_image", "cost_per_1000_images")

#: Fields that only maintainers set.
MAINTAINERS = ("checked", "reproduced")


def read_metadata(path: Path, *, maintainer: bool = False) -> Metadata:
    """Read metadata.yaml.

    Args:
        path: path of the file.
        maintainer: whether `checked` and `reproduced` may be true.

    Raises:
        InputError: with every problem, each with file and line.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}; write a template with `python -m benchmark.submit init`"
        ) from None
    values, lines = read_yaml(path, content)
    problems, metadata = [], None
    try:
        metadata = Metadata.model_validate(values)
    except ValidationError as error:
        problems += [_message(path, lines, one) for one in error.errors(include_url=False)]
    problems += [
        f"{path}:{lines.get((key,), 1)}: {key}: got true, expected false; maintainers set it"
        for key in MAINTAINERS
        if str(values.get(key)).lower() == "true" and not maintainer
    ]
    if problems or metadata is None:
        raise InputError(*problems)
    return metadata


def _message(path: Path, lines: dict[tuple[str | int, ...], int], error: Any) -> str:
    """One validation error as a message: file:line, field, what is expected, what was given, an example."""
    place = tuple(error["loc"][:2])
    name = "".join(f"[{part}]" if isinstance(part, int) else str(part)[:80] for part in place)
    message = error["msg"].removeprefix("Value error, ")
    if not place:
        name = message.partition(":")[0]
        return f"{path}:{lines.get((name,), 1)}: {message}"
    line = lines.get(place) or lines.get(place[:1], 1)
    got = "" if error["type"] == "missing" else f", got {error['input']!r:.80}"
    if error["type"] == "extra_forbidden":
        return f"{path}:{line}: {name!r}: no such field; try one of {', '.join(Metadata.model_fields)}"
    example = f"; example: {example_of(str(place[0]))}" if place[0] in Metadata.model_fields else ""
    return f"{path}:{line}: {name}: {message}{got}{example}"


def template(values: Mapping[str, Any] | None = None) -> str:
    """Write metadata.yaml as a template in which every field is explained; it is invalid until it is filled in.

    Args:
        values: values of the fields that are known already.

    Returns:
        Content of the file.
    """
    values = values or {}
    lines = [as_called("# Metadata of a submission. Fill in every field; then: python -m benchmark.submit --help")]
    for name, field in Metadata.model_fields.items():
        if name in MAINTAINERS:
            continue
        need = "" if field.is_required() else " (may be left empty)"
        known = "" if values.get(name) is None else f" {_flow(values[name])}"
        lines += ["", f"# {field.description}{need}", f"# Example: {example_of(name)}", f"{name}:{known}"]
    return _LINE_END.join(lines) + _LINE_END


def example_of(name: str) -> str:
    """An example value of a field, as YAML."""
    return _flow((Metadata.model_fields[name].examples or [""])[0])


def _flow(value: Any) -> str:
    return str(value) if isinstance(value, datetime.date) else json.dumps(value, ensure_ascii=False)


def as_yaml(metadata: Metadata) -> str:
    """The metadata as YAML from which `read_metadata` gives equal metadata."""
    return str(yaml.safe_dump(metadata.model_dump(), allow_unicode=True, sort_keys=False, width=110))


def json_schema() -> dict[str, Any]:
    """JSON Schema of metadata.yaml, for editors and other tools."""
    return Metadata.model_json_schema()
