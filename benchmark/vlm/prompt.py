"""Prompts: texts from a TOML file, and settings that choose which of them are sent; both make the prompt's id.

The id is what a table shows (`zh/image/thousand+marks/length`); its hash is that of every text and every setting, so
two runs with equal hashes have asked in the same words.
"""

import hashlib
import json
import string
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import InputError

_FOLDER = Path(__file__).parent / "prompts"

UNITS = ("image", "box")
COORDINATES = ("thousand", "ratio", "pixel")
MARKS = "marks"

#: What can be left out, with the row of the paper's Table 2 that leaves it out.
INPUTS = {"image": "no-image", "text": "no-info", "location": "no-locations"}

#: Texts of a prompt, with the names that may stand in braces in each.
_TEXTS: dict[str, set[str]] = {
    "system": set(),
    "picture": set(),
    "title": {"title"},
    "attributes": {"attributes"},
    "boxes": {"count"},
    "box": {"number"},
    "place": {"place"},
    "length": {"characters"},
    "neighbours": {"count"},
    "ask_image": {"example"},
    "ask_box": {"example"},
    "sample": set(),
}
_SYSTEMS: dict[str, set[str]] = {"thousand": set(), "ratio": set(), "pixel": {"width", "height"}, MARKS: set()}

_MOST_SHOTS = 32


@dataclass(frozen=True)
class Settings:
    """What a prompt tells, and how.

    Attributes:
        unit: "image" asks for all captions of an image at once, "box" for one caption at a time.
        coordinates: how places of boxes are told: one of `COORDINATES`, "marks" for numbered frames drawn on the
            picture, or two of them joined by "+".
        length: whether it is told how many characters a box holds.
        neighbours: whether a request for one box tells the places of the other boxes.
        without: inputs that are left out, of `INPUTS`.
        shots: number of examples from the train split.
        seed: seed with which these are drawn.
        structured: whether the server is asked to allow nothing but the expected JSON, which changes what models write.
    """

    unit: str = "image"
    coordinates: str = "thousand+marks"
    length: bool = True
    neighbours: bool = False
    without: tuple[str, ...] = ()
    shots: int = 0
    seed: int = 1
    structured: bool = False

    @property
    def system(self) -> str | None:
        """The system of coordinates that is told; None if there is none."""
        if "location" in self.without:
            return None
        return next((name for name in self.coordinates.split("+") if name in COORDINATES), None)

    @property
    def marks(self) -> bool:
        """Whether frames are drawn on the picture."""
        return not {"location", "image"} & set(self.without) and MARKS in self.coordinates.split("+")

    @property
    def tells_length(self) -> bool:
        """Whether the length is told; it follows from the place, so it goes with it."""
        return self.length and "location" not in self.without

    def problems(self) -> list[str]:
        """What is wrong with the settings, a sentence each."""
        found = []
        if self.unit not in UNITS:
            found.append(f"unit: got {self.unit!r}, expected image or box")
        parts = self.coordinates.split("+")
        if set(parts) - {*COORDINATES, MARKS} or len(set(parts)) < len(parts) or len(set(parts) & set(COORDINATES)) > 1:
            found.append(
                f"coordinates: got {self.coordinates!r}, expected thousand, ratio, pixel or marks, or one of the first "
                "three with marks, such as thousand+marks"
            )
        if unknown := [name for name in self.without if name not in INPUTS]:
            found.append(f"without: got {', '.join(unknown)}, expected some of {', '.join(INPUTS)}")
        if {"image", "text"} <= set(self.without):
            found.append("without: got both image and text, so nothing of the product is left; leave one out")
        if parts == [MARKS] and "image" in self.without and "location" not in self.without:
            found.append("coordinates: got marks without the image that bears them; try thousand")
        if self.neighbours and self.unit == "image":
            found.append("neighbours: a request for a whole image tells all of its boxes; try unit=box")
        if self.seed < 0:
            found.append(f"seed: got {self.seed}, expected 0 or more")
        if not 0 <= self.shots <= _MOST_SHOTS:
            found.append(f"shots: got {self.shots}, expected 0 to {_MOST_SHOTS}")
        return found


@dataclass(frozen=True)
class Prompt:
    """Texts and settings of the requests of a run.

    Attributes:
        name: name of the texts.
        texts: text by name, of `_TEXTS`.
        systems: explanation of each system of coordinates.
        settings: what is told, and how.
    """

    name: str
    texts: Mapping[str, str]
    systems: Mapping[str, str]
    settings: Settings

    @cached_property
    def hash(self) -> str:
        """SHA-256 of all texts and settings, 16 hex digits."""
        content = [dict(self.texts), dict(self.systems), asdict(self.settings)]
        text = json.dumps(content, ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def id(self) -> str:
        """The settings in short, for people: `zh/image/thousand+marks/length`."""
        chosen = self.settings
        parts = [self.name, chosen.unit]
        parts += [chosen.coordinates] if "location" not in chosen.without else []
        parts += ["length"] if chosen.tells_length else []
        parts += ["neighbours"] if chosen.neighbours else []
        parts += [INPUTS[name] for name in chosen.without]
        parts += [f"shots={chosen.shots},seed={chosen.seed}"] if chosen.shots else []
        parts += ["structured"] if chosen.structured else []
        return "/".join(parts)


def known_prompts() -> list[str]:
    """Names of the prompts that come with this package."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def read_prompt(prompt: str, settings: Settings) -> Prompt:
    """Read the texts of a prompt, and check them and the settings.

    Args:
        prompt: name of a prompt that comes with this package, or the path of a TOML file.
        settings: what is told, and how.

    Raises:
        InputError: with all that is wrong with either.
    """
    name, tables, problems = read_texts(prompt, _FOLDER, {"texts": _TEXTS, "coordinates": _SYSTEMS})
    problems[:0] = settings.problems()
    if problems:
        raise InputError(*problems)
    return Prompt(name, tables["texts"], tables["coordinates"], settings)


def read_texts(
    prompt: str, folder: Path, expected: Mapping[str, Mapping[str, set[str]]]
) -> tuple[str, dict[str, Any], list[str]]:
    """Read a TOML file of texts.

    Args:
        prompt: name of a file in the folder, or the path of one elsewhere.
        folder: folder of the files that come with this package.
        expected: names of its tables, of the texts in each, and what may stand in braces in each of these.

    Returns:
        The name of the texts, the tables, and all that is wrong with them.
    """
    known = sorted(path.stem for path in folder.glob("*.toml"))
    path = folder / f"{prompt}.toml" if prompt in known else Path(prompt)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        return "", {}, [f"--prompt: no file {prompt}; expected one of {', '.join(known)}, or a TOML file"]
    except ValueError as error:  # no TOML, or no UTF-8
        return "", {}, [f"{path}: not TOML: {error}"]
    return str(tables.get("name", path.stem)), tables, _text_problems(path, tables, expected)


def _text_problems(path: Path, tables: Mapping[str, Any], texts_of: Mapping[str, Mapping[str, set[str]]]) -> list[str]:
    names = ("name", *texts_of)
    found = [f"{path}: got {name!r}, expected {', '.join(names)}" for name in tables if name not in names]
    for table, expected in texts_of.items():
        texts = tables.get(table, {})
        if not isinstance(texts, dict):
            found.append(f"{path}: {table}: expected a table [{table}]")
            continue
        found += [f"{path}: [{table}] lacks {name}" for name in expected if name not in texts]
        found += [
            f"{path}: [{table}] has {name!r}, expected {', '.join(expected)}" for name in set(texts) - set(expected)
        ]
        for name, text in texts.items():
            if name in expected and (problem := _braces_problem(text, expected[name])):
                found.append(f"{path}: [{table}] {name}: {problem}")
    return found


def _braces_problem(text: Any, allowed: set[str]) -> str:
    if not isinstance(text, str) or not text.strip():
        return f"got {text!r:.60}, expected a text"
    try:
        fields = [field for field in string.Formatter().parse(text) if field[1] is not None]
        names = {str(name) for _, name, _, _ in fields}
    except ValueError as error:
        return f"{error}; a brace that is meant is doubled: {{{{"
    if any(form or conversion for _, _, form, conversion in fields):
        return "got a name with a format, expected names alone, such as {title}"
    if names - allowed:
        words = ", ".join(f"{{{name}}}" for name in sorted(allowed)) or "no braces"
        return f"got {{{sorted(names - allowed)[0]}}}, expected {words}; a brace that is meant is doubled: {{{{"
    return ""


def settings_from(values: Mapping[str, Any]) -> Settings:
    """Settings from values as command lines and logs have them; `without` is a text such as "image,text", or a list.

    Raises:
        InputError: if a value has another type.
    """
    given: dict[str, Any] = {}
    problems = []
    for field in fields(Settings):
        if field.name not in values:
            continue
        value = values[field.name]
        if field.name == "without":
            names = value.split(",") if isinstance(value, str) else list(value or ())
            value = tuple(name for name in INPUTS if name in names) + tuple(n for n in names if n and n not in INPUTS)
        elif type(value) is not type(field.default):
            expected = {bool: "true or false", int: "a whole number", str: "a word"}[type(field.default)]
            problems.append(f"{field.name}: got {value!r:.60}, expected {expected}")
            continue
        given[field.name] = value
    if problems:
        raise InputError(*problems)
    return Settings(**given)
