"""The configuration of a run: typed, validated, hashable.

A `Config` decides everything about a run but its seed and its data. Where the paper and the code its authors released
disagree, a setting's comment names the row of `docs/paper_vs_code.md` by its key (as `paper_vs_code: grid-map`). The
default is the paper's side (or, where the paper is silent, the code's), and `release()` switches every row to the
code's.

Settings are changed on the command line by their dotted path: `model.layers=4 cm.strategy=fixed`. Types and bounds,
such as `Count`, are checked by `override` and `from_dict`, through which every configuration from outside comes.
"""

import dataclasses
import hashlib
import json
import math
import re
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from benchmark.errors import InputError


@dataclass(frozen=True)
class Bounds:
    """The smallest and the largest value that a number may have; infinity is never allowed."""

    least: float
    most: float = math.inf

    def __str__(self) -> str:
        return f"at least {self.least:g}" if self.most == math.inf else f"{self.least:g} to {self.most:g}"


Count = Annotated[int, Bounds(1)]
Natural = Annotated[int, Bounds(0)]
Amount = Annotated[float, Bounds(0)]
Share = Annotated[float, Bounds(0, 1)]

#: Metadata of a setting, or of a group of them, that was added after runs were stored. At its default it is not part of
#: the hash, and files of runs may lack it: these runs are what they were.
LATER = {"later": True}


@dataclass(frozen=True)
class ModelConfig:
    """Sizes and options of the network (paper, section 4.1)."""

    layers: Count = 6
    width: Count = 1024  # d
    heads: Count = 8
    feed_forward: Natural = 2048  # 0: twice the width (paper_vs_code: feed-forward)
    dropout: Share = 0.1
    norm: Literal["layernorm", "authors"] = "layernorm"  # paper_vs_code: norm
    gelu: Literal["exact", "authors"] = "exact"  # paper_vs_code: gelu
    positions: Literal["learned", "sine", "sine_authors"] = "learned"  # paper_vs_code: positions
    position_table: Count = 128  # number of positions in the learned table, which info and captions share
    embed_scale: Literal["sqrt", "one"] = "sqrt"  # paper_vs_code: embed-scale
    colour_head: bool = False  # paper_vs_code: colour-head; built by the release, used by nothing here
    backbone: Literal["resnet50", "small"] = "resnet50"
    backbone_weights: str = "imagenet"  # "imagenet", "none", or a local file
    #: paper_vs_code: batch-norm; statistics of the ResNet's batch norms in training. `local`: of the images that one
    #: device sees in one forward pass; `synced`: of all devices together; `frozen`: those that the weights came with.
    batch_norm: Literal["local", "synced", "frozen"] = "local"
    freeze_backbone: bool = False  # mini: its features are given, not trained
    balanced_inputs: bool = False  # mini: every kind of input token enters the transformer at the same scale

    def __post_init__(self) -> None:
        if self.width % self.heads or self.width % 2:
            raise InputError(f"width: got {self.width}, expected an even multiple of heads ({self.heads})")


@dataclass(frozen=True)
class InputConfig:
    """Which inputs the model is given, and in what form (paper, section 4.1)."""

    image: bool = True
    info: bool = True
    location: bool = True
    grid: Annotated[int, Bounds(1, 127)] = 8  # g
    grid_map: Literal["round", "floor"] = "round"  # paper_vs_code: grid-map; box coordinate to grid index
    image_side: Natural = 0  # pixels; 0: 32 x grid, as the release (paper_vs_code: image-side)
    pool: Count = 1  # mini: image features are averaged over pool x pool cells
    mask_text: bool = True  # paper_vs_code: mask-text; black out every text rectangle; off is the leak control
    #: paper_vs_code: neighbours; chain is the release's.
    neighbours: Literal["none", "nearest", "top2", "random", "chain"] = "none"
    missing_neighbour: Literal["zero", "learned"] = "zero"  # paper_vs_code: missing-neighbour
    location_bias: bool = True  # paper_vs_code: location-bias
    location_half: bool = False  # without neighbours: keep W2 (2d -> d/2) and feed zeros to the context half
    max_info: Count = 60  # paper_vs_code: lengths
    #: paper_vs_code: lengths; counts [SOS] and [EOS]. The release's 10 cuts captions of 9 and 10 characters.
    max_caption: Annotated[int, Bounds(3)] = 12
    info_format: Literal["paper", "authors"] = "paper"  # paper_vs_code: info-format
    vocabulary: Natural = 0  # paper_vs_code: vocabulary; number of entries; 0: all characters of the training split

    def __post_init__(self) -> None:
        problems = []
        if self.grid % self.pool:
            problems.append(f"pool: got {self.pool}, expected a divisor of grid ({self.grid})")
        if not self.location and self.neighbours != "none":
            problems.append(
                f"neighbours: got {self.neighbours}, expected none without location, whose token holds them"
            )
        if not (self.image or self.info or self.location):
            problems.append("image, info, location: got false for all, expected true for one to write captions from")
        _refuse(problems)

    @property
    def n_neighbours(self) -> int:
        """Number of neighbour boxes in a location token."""
        return {"none": 0, "top2": 4}.get(self.neighbours, 2)

    @property
    def pixels(self) -> int:
        """Side of the square image that the backbone sees, in pixels."""
        return self.image_side or 32 * self.grid


@dataclass(frozen=True)
class GenerationConfig:
    """Options of Caption Generation, the CG task (paper, section 4.2)."""

    label_smoothing: Share = 0.1  # paper_vs_code: label-smoothing
    reduce: Literal["token", "caption"] = "token"  # paper_vs_code: reduce


@dataclass(frozen=True)
class MatchingConfig:
    """Options of Caption Matching, the CM task (paper, section 4.2, equations 6 to 9)."""

    strategy: Literal["none", "fixed", "progressive"] = "none"  # paper_vs_code: strategy
    fixed_mix: tuple[float, float, float] = (0.3, 0.4, 0.3)  # paper_vs_code: fixed-mix; levels I, II, III
    negatives: Share = 0.6
    redraw: bool = True  # paper_vs_code: redraw; negatives are really negative
    level2: Literal["caption", "location"] = "caption"  # paper_vs_code: level2
    head: Literal["sigmoid", "softmax2"] = "sigmoid"  # paper_vs_code: matching-head
    normalise: Literal["clip", "divide"] = "clip"  # when equations 6 to 8 do not add up to 1
    step: Literal["all", "cm_only"] = "all"  # paper_vs_code: step-count; what step_num counts
    time_scale: bool = True  # stretch the schedule, made for 200,000 steps, to the length of pre-training
    batches: Literal["random", "cycle"] = "random"  # paper_vs_code: task-mix; the 3:1 mix of CG and CM
    share: Share = 0.25  # share of CM batches in pre-training

    def __post_init__(self) -> None:
        problems = []
        if not (min(self.fixed_mix) >= 0 and math.isclose(sum(self.fixed_mix), 1, abs_tol=1e-6)):
            problems.append(f"fixed_mix: got {self.fixed_mix}, expected three shares that add up to 1")
        every = 1 / self.share if self.share else 0
        if self.batches == "cycle" and not (every and math.isclose(every, round(every), rel_tol=1e-6)):
            problems.append(f"share: got {self.share}, expected 1 / n (every n-th batch) with batches=cycle")
        _refuse(problems)


@dataclass(frozen=True)
class TrainConfig:
    """Options of optimisation and of the training loop (paper, section 5.1; paper_vs_code: rates, batch, optimiser)."""

    pretrain_updates: Natural = 200_000  # CG and CM; variants without CM have none
    finetune_updates: Natural = 50_000  # CG alone
    batch: Count = 400  # captions of an update, whatever the number of devices
    betas: tuple[float, float] = (0.9, 0.98)
    eps: Amount = 1e-9
    optimiser: Literal["adam", "muon"] = "adam"  # muon: of the matrices of hidden layers; see `training.optimiser`
    schedule: Literal["noam", "trapezoid", "drops"] = "noam"
    warmup: Count = 4000
    #: noam: multiplies d^-0.5 min(s^-0.5, s warmup^-1.5); else: the highest rate
    rate: Amount = 1.0
    fall: Share = 0.5  # trapezoid: share of the run in which the rate falls to 0
    drops: tuple[float, ...] = ()  # schedule=drops: shares of the run at which the rate is multiplied by `drop`
    drop: Amount = 0.1
    backbone_rate: Amount = 3e-5  # constant; 0: the schedule's rate
    finetune_betas: tuple[float, float] = (0.9, 0.999)
    finetune_rate: Amount = 4e-5
    finetune_backbone_rate: Amount = 3e-5
    #: At equal distances in the first quarter of 200,000 updates, or in fine-tuning if that is shorter.
    finetune_halvings: Natural = 5
    clip: Amount = 0.0  # gradient norm; 0: none
    clip_value: Amount = 0.0  # every number of the gradient; 0: no limit
    #: paper_vs_code: precision; of matrix products, convolutions and attention: bf16 by autocast; tf32: fp32 numbers,
    #: on GPUs rounded to 10 bits before they are multiplied; fp32. Weights, optimiser, norms and losses are fp32.
    precision: Literal["bf16", "tf32", "fp32"] = "bf16"
    compile: bool = False
    grouped: bool = True  # the CNN once per image; False: once per caption, as released (same mathematics)
    micro_batch: Natural = 0  # captions per forward pass and device; 0: all of the device's share at once
    workers: Natural = 4  # processes that load data
    cache_images: bool = False  # keep all images, prepared, or their features if frozen (small data sets)
    validate_every: Count = 5000
    validate_images: Count = 2000
    save_every: Count = 1000
    log_every: Count = 50  # updates whose losses are averaged in a line of the log; between lines no GPU is waited for
    deterministic: bool = False  # on GPUs: slower kernels that repeat bit for bit

    def __post_init__(self) -> None:
        if self.pretrain_updates + self.finetune_updates == 0:
            raise InputError("pretrain_updates, finetune_updates: got 0 for both, expected at least one update")


@dataclass(frozen=True)
class Config:
    """The configuration of a whole run."""

    name: str = "context"
    system: str = "reference"  # name of the network; see `registry`
    model: ModelConfig = field(default_factory=ModelConfig)
    inputs: InputConfig = field(default_factory=InputConfig)
    cg: GenerationConfig = field(default_factory=GenerationConfig)
    cm: MatchingConfig = field(default_factory=MatchingConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    profile: str = "paper"  # sizes: paper, mini, smoke; anything but paper is scaled down and says so

    def __post_init__(self) -> None:
        entries = self.model.position_table if self.model.positions == "learned" else SINE_POSITIONS
        longest = max(self.inputs.max_info, self.inputs.max_caption)
        problems = []
        if longest > entries:
            problems.append(f"inputs.max_info, inputs.max_caption: got {longest}, expected at most {entries} positions")
        if not re.fullmatch(r"\w[\w.+=-]{0,99}", self.name):  # it names the run's folder
            problems.append(f"name: got {self.name!r:.60}, expected at most 100 letters, digits and _ . + = -")
        if self.model.batch_norm == "synced" and self.train.micro_batch:
            problems.append(
                f"train.micro_batch: got {self.train.micro_batch}, expected 0 with model.batch_norm=synced: statistics "
                "of a whole update need it in one piece on each device"
            )
        _refuse(problems)

    @property
    def keeps_features(self) -> bool:
        """Whether the features of all images are kept, since their backbone is frozen; else the pictures may be."""
        return self.train.cache_images and self.model.freeze_backbone and self.inputs.image

    @property
    def keeps_pictures(self) -> bool:
        """Whether all prepared pictures are kept."""
        return self.train.cache_images and not self.keeps_features

    @property
    def hash(self) -> str:
        """Hash of all settings but name and profile: equal configurations are one run, whatever they are called."""
        content = json.loads(json.dumps(_deciding(self)))
        del content["name"], content["profile"]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


C = TypeVar("C", bound=Config)

SINE_POSITIONS = 200  # entries of the fixed position tables, as in the release


def to_dict(config: Any) -> dict[str, Any]:
    """A configuration as plain data for JSON; tuples become lists."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def _deciding(group: Any) -> dict[str, Any]:
    """The settings of a group without those that came later and are at their default (see `LATER`)."""
    values = {field.name: (field, getattr(group, field.name)) for field in dataclasses.fields(group)}
    return {
        name: _deciding(value) if dataclasses.is_dataclass(value) else value
        for name, (field, value) in values.items()
        if not (field.metadata == LATER and value == field.default)
    }


def from_dict(content: dict[str, Any], kind: type[C]) -> C:
    """The inverse of `to_dict`.

    Args:
        content: a value for every setting; those that came later (see `LATER`) may be missing.
        kind: the type of configuration, `registry.network(content["system"]).config`.

    Raises:
        InputError: for every setting that is missing, unknown, of the wrong type or out of bounds.
    """
    problems: list[str] = []
    config = _build(kind, content, "", problems)
    _refuse(problems)
    return config


def override(config: C, assignments: list[str]) -> C:
    """A configuration with some settings changed.

    Args:
        config: the configuration to start from.
        assignments: `path=value`, e.g. `model.layers=4`, `cm.fixed_mix=0.3,0.3,0.4`, `inputs.image=false`.

    Raises:
        InputError: for every assignment that names no setting or has a value that it cannot have.
    """
    content: Any = to_dict(config)
    known, problems = paths(config), []
    for assignment in assignments:
        path, sign, text = assignment.partition("=")
        if not sign or path not in known:
            problems.append(f"{assignment}: {_no_such_setting(path, known)}")
            continue
        *groups, name = path.split(".")
        target = content
        for group in groups:
            target = target[group]
        target[name] = _parsed(text, target[name])
    changed = _build(type(config), content, "", problems)
    _refuse(problems)
    return changed


def paths(config: Config) -> list[str]:
    """Every dotted path that `override` takes for a configuration."""

    def walk(content: dict[str, Any], prefix: str) -> list[str]:
        return [
            path
            for key, value in content.items()
            for path in (walk(value, f"{prefix}{key}.") if isinstance(value, dict) else [prefix + key])
        ]

    return walk(to_dict(config), "")


def _build(kind: type, content: Any, path: str, problems: list[str]) -> Any:
    """A group of settings from plain data; what is wrong is added to `problems`, with the path of the group before."""
    if not isinstance(content, dict):
        problems.append(f"{path.rstrip('.') or 'configuration'}: got {content!r:.60}, expected a mapping")
        return None
    hints, values, before = get_type_hints(kind, include_extras=True), {}, len(problems)
    problems += [f"{path}{name}: {_no_such_setting(name, list(hints))}" for name in content if name not in hints]
    came_later = {field.name for field in dataclasses.fields(kind) if field.metadata == LATER}
    for name, hint in hints.items():
        if name not in content and name in came_later:
            continue
        if name not in content:
            problems.append(f"{path}{name}: missing")
        elif dataclasses.is_dataclass(hint):
            values[name] = _build(hint, content[name], f"{path}{name}.", problems)  # type: ignore[arg-type]
        else:
            values[name] = _checked(hint, content[name], f"{path}{name}", problems)
    if len(problems) > before:
        return None
    try:
        return kind(**values)
    except InputError as error:
        problems += [path + problem for problem in error.problems]
        return None


def _no_such_setting(name: str, known: list[str]) -> str:
    close = get_close_matches(str(name), known, 1)
    return "no such setting" + (f"; did you mean {close[0]}?" if close else "; the option --settings prints all")


def _checked(hint: Any, value: Any, path: str, problems: list[str]) -> Any:
    """A value of the hinted type: bool, int, float, str, a Literal of strings or a tuple of floats, within bounds."""
    hint, bounds = get_args(hint) if get_origin(hint) is Annotated else (hint, None)
    options = get_args(hint)
    expected = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}.get(hint, str(hint))
    if get_origin(hint) is Literal:
        if value in options:
            return value
        expected = " or ".join(options)
    elif get_origin(hint) is tuple:
        some = options[-1] is Ellipsis
        numbers = isinstance(value, list | tuple) and all(type(v) in (int, float) for v in value)
        if numbers and (some or len(value) == len(options)):
            return tuple(map(float, value))
        expected = "numbers with commas between them" if some else f"{len(options)} numbers with commas between them"
    elif type(value) is hint or (hint is float and type(value) is int):
        if bounds is None or (bounds.least <= value <= bounds.most and value < math.inf):
            return hint(value)
        expected = str(bounds)
    problems.append(f"{path}: got {value!r:.60}, expected {expected}")
    return None


def _parsed(text: str, old: bool | int | float | str | list[float]) -> Any:
    """Text as the type of the old value, or as it is, for `_checked` to refuse in words."""
    try:
        if isinstance(old, bool):
            return {"true": True, "false": False}[text.lower()]
        if isinstance(old, list):
            return [float(part) for part in text.split(",") if part]
        if isinstance(old, int | float):
            return type(old)(text)
    except (ValueError, KeyError):
        pass
    return text


def _refuse(problems: list[str]) -> None:
    if problems:
        raise InputError(*problems)


def release(config: C) -> C:
    """The same run with every row of `docs/paper_vs_code.md` on the side of the released code."""
    return replace(
        config,
        model=replace(
            config.model, norm="authors", gelu="authors", positions="sine_authors", embed_scale="sqrt", colour_head=True
        ),
        inputs=replace(
            config.inputs,
            neighbours="chain" if config.inputs.neighbours == "nearest" else config.inputs.neighbours,
            max_caption=10,
            info_format="authors",
            vocabulary=6389,
        ),
        cm=replace(
            config.cm,
            strategy="fixed" if config.cm.strategy != "none" else "none",
            fixed_mix=(0.3, 0.3, 0.4) if config.cm.fixed_mix == MatchingConfig().fixed_mix else config.cm.fixed_mix,
            redraw=False,
            level2="location",
            head="softmax2",
        ),
        train=replace(config.train, precision="fp32"),
    )
