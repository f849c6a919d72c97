"""What a run consists of: typed, validated, hashable.

A `Config` decides everything about a run but its seed and its data. Where the paper and the code its authors released
disagree, the field's comment names the row of `docs/paper_vs_code.md`; the default is the paper's side (or, where the
paper is silent, the code's), and `release()` switches every row to the code's.

Fields are set on the command line by their dotted path: `model.layers=4 cm.strategy=fixed`.
"""

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from benchmark.errors import InputError


@dataclass(frozen=True)
class ModelConfig:
    """The network (paper, section 4.1)."""

    layers: int = 6
    width: int = 1024  # d
    heads: int = 8
    feed_forward: int = 2048  # 0: twice the width (row 28)
    dropout: float = 0.1
    norm: Literal["layernorm", "authors"] = "layernorm"  # row 24
    gelu: Literal["exact", "authors"] = "exact"  # row 23
    positions: Literal["learned", "sine", "sine_authors"] = "learned"  # row 7
    position_table: int = 128  # entries of the learned table, shared by info and caption
    embed_scale: Literal["sqrt", "one"] = "sqrt"  # row 15: of image and word embeddings
    colour_head: bool = False  # row 31: built by the release, used by nothing here
    backbone: Literal["resnet50", "small"] = "resnet50"
    backbone_weights: str = "imagenet"  # "imagenet", "none", or a local file
    freeze_batch_norm: bool = False  # for batches of few images
    freeze_backbone: bool = False  # mini: its features are given, not trained
    balanced_inputs: bool = False  # mini: every kind of input token enters the transformer at the same scale

    def __post_init__(self) -> None:
        problems = [
            *_below(1, self, "layers", "width", "heads", "position_table"),
            *_below(0, self, "feed_forward"),
            *_no_share(self, "dropout"),
        ]
        if not problems and (self.width % self.heads or self.width % 2):
            problems.append(f"model.width: got {self.width}, expected an even multiple of model.heads ({self.heads})")
        _refuse(problems)


@dataclass(frozen=True)
class InputConfig:
    """What the model is given."""

    image: bool = True
    info: bool = True
    location: bool = True
    grid: int = 8  # g
    grid_map: Literal["round", "floor"] = "round"  # row 20: box coordinate to grid index
    image_side: int = 0  # pixels; 0: 32 x grid, as the release (row 29: fix it to separate resolution from tokens)
    pool: int = 1  # mini: image features are averaged over pool x pool cells
    mask_text: bool = True  # row 19: black out every text rectangle; off is the leak control
    neighbours: Literal["none", "nearest", "top2", "random", "chain"] = "none"  # row 1: chain is the release's
    missing_neighbour: Literal["zero", "learned"] = "zero"  # row 21
    location_bias: bool = True  # row 11
    location_half: bool = False  # without neighbours: keep W2 (2d -> d/2) and feed zeros to the context half
    max_info: int = 60  # row 22
    max_caption: int = 12  # row 22: with [SOS] and [EOS]; the release's 10 cuts captions of 9 and 10 characters
    info_format: Literal["paper", "authors"] = "paper"  # row 8
    vocabulary: int = 0  # row 9: number of entries; 0: all characters of the training split

    def __post_init__(self) -> None:
        problems = [
            *_below(1, self, "grid", "pool", "max_info"),
            *_below(3, self, "max_caption"),
            *_below(0, self, "image_side", "vocabulary"),
        ]
        if self.grid > 127:
            problems.append(f"inputs.grid: got {self.grid}, expected at most 127")
        if self.pool > 0 and self.grid % self.pool:
            problems.append(f"inputs.pool: got {self.pool}, expected a divisor of inputs.grid ({self.grid})")
        if not self.location and self.neighbours != "none":
            problems.append("inputs.neighbours: they stand in the location token, and inputs.location is off")
        if not (self.image or self.info or self.location):
            problems.append("inputs: image, info and location are all off; nothing is left to write captions from")
        _refuse(problems)

    @property
    def n_neighbours(self) -> int:
        """Neighbour boxes in a location token."""
        return {"none": 0, "top2": 4}.get(self.neighbours, 2)

    @property
    def pixels(self) -> int:
        """Side of the square image that the backbone sees."""
        return self.image_side or 32 * self.grid


@dataclass(frozen=True)
class GenerationConfig:
    """Caption Generation, the CG task (section 4.2)."""

    label_smoothing: float = 0.1  # row 13
    reduce: Literal["token", "caption"] = "token"  # row 14

    def __post_init__(self) -> None:
        _refuse(_no_share(self, "label_smoothing"))


@dataclass(frozen=True)
class MatchingConfig:
    """Caption Matching, the CM task (section 4.2, equations 6 to 9)."""

    strategy: Literal["none", "fixed", "progressive"] = "none"  # row 3
    fixed_mix: tuple[float, float, float] = (0.3, 0.4, 0.3)  # row 4: levels I, II, III
    negatives: float = 0.6
    redraw: bool = True  # row 5: negatives are really negative
    level2: Literal["caption", "location"] = "caption"  # row 2
    head: Literal["sigmoid", "softmax2"] = "sigmoid"  # row 6
    normalise: Literal["clip", "divide"] = "clip"  # when equations 6 to 8 do not add up to 1
    step: Literal["all", "cm_only"] = "all"  # row 30: what step_num counts
    time_scale: bool = True  # stretch the schedule, made for 200,000 steps, to the length of pre-training
    batches: Literal["random", "cycle"] = "random"  # row 27: the 3:1 mix of CG and CM
    share: float = 0.25  # of CM batches in pre-training

    def __post_init__(self) -> None:
        problems = _no_share(self, "negatives", "share")
        if not (min(self.fixed_mix) >= 0 and math.isclose(sum(self.fixed_mix), 1, abs_tol=1e-6)):
            problems.append(f"cm.fixed_mix: got {self.fixed_mix}, expected three shares that add up to 1")
        every = 1 / self.share if self.share else 0
        if self.batches == "cycle" and not (every and math.isclose(every, round(every), rel_tol=1e-6)):
            problems.append(f"cm.share: got {self.share}, expected 1 / n (every n-th batch) with cm.batches=cycle")
        _refuse(problems)


@dataclass(frozen=True)
class TrainConfig:
    """Optimisation (paper, section 5.1; rows 16 to 18)."""

    pretrain_updates: int = 200_000  # CG and CM; variants without CM have none
    finetune_updates: int = 50_000  # CG alone
    batch: int = 400  # captions of an update, whatever the number of devices
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-9
    schedule: Literal["noam", "cosine", "drops"] = "noam"
    warmup: int = 4000
    rate: float = 1.0  # noam: multiplies d^-0.5 min(s^-0.5, s warmup^-1.5); cosine: the peak of both stages
    drops: tuple[float, ...] = ()  # schedule=drops: shares of the run at which the rate is multiplied by `drop`
    drop: float = 0.1
    backbone_rate: float = 3e-5  # constant; 0: the schedule's rate
    finetune_betas: tuple[float, float] = (0.9, 0.999)
    finetune_rate: float = 4e-5
    finetune_backbone_rate: float = 3e-5
    finetune_halvings: int = (
        5  # at equal distances in the first quarter of 200,000 updates, or of fine-tuning if shorter
    )
    clip: float = 0.0  # gradient norm; 0: none
    clip_value: float = 0.0  # every number of the gradient; 0: no limit
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False
    grouped: bool = True  # the CNN once per image; False: once per caption, as released (same mathematics)
    micro_batch: int = 0  # captions per forward pass and device; 0: all of the device's share at once
    workers: int = 4  # processes that load data
    cache_images: bool = False  # keep all images in memory, prepared (small data sets)
    validate_every: int = 5000
    validate_images: int = 2000
    save_every: int = 1000
    deterministic: bool = False  # on GPUs: slower kernels that repeat bit for bit

    def __post_init__(self) -> None:
        problems = [
            *_below(1, self, "batch", "warmup", "validate_every", "validate_images", "save_every"),
            *_below(0, self, "pretrain_updates", "finetune_updates", "workers", "micro_batch", "finetune_halvings"),
            *_below(0, self, "rate", "backbone_rate", "finetune_rate", "finetune_backbone_rate", "eps"),
            *_below(0, self, "clip", "clip_value", "drop"),
        ]
        if self.pretrain_updates + self.finetune_updates == 0:
            problems.append("train.pretrain_updates, train.finetune_updates: both are 0, expected at least one update")
        _refuse(problems)


@dataclass(frozen=True)
class Config:
    """A whole run."""

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
        if longest > entries:
            _refuse([f"inputs.max_info, inputs.max_caption: got {longest}, but there are {entries} positions"])

    @property
    def hash(self) -> str:
        """Of everything above but name and profile: equal configurations are one run, whatever they are called."""
        content = to_dict(self)
        del content["name"], content["profile"]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


C = TypeVar("C", bound=Config)

SINE_POSITIONS = 200  # entries of the fixed position tables, as in the release


def to_dict(config: Any) -> dict[str, Any]:
    """Plain data for JSON; tuples become lists."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def from_dict(content: dict[str, Any], kind: type[C]) -> C:
    """The inverse of `to_dict`.

    Args:
        content: of every field.
        kind: the type of configuration: `registry.network(content["system"]).config`.

    Raises:
        InputError: naming every key that is missing, unknown or of the wrong type.
    """
    problems: list[str] = []
    config = _build(kind, content, "", problems)
    _refuse(problems)
    return config


def _build(kind: type, content: Any, path: str, problems: list[str]) -> Any:
    hints, values, before = get_type_hints(kind), {}, len(problems)
    if not isinstance(content, dict):
        problems.append(f"{path or 'configuration'}: got {content!r:.60}, expected a mapping")
        return None
    for unknown in content.keys() - hints.keys():
        problems.append(f"{path}{unknown}: no such field")
    for f in fields(kind):
        if f.name not in content:
            problems.append(f"{path}{f.name}: missing")
        elif dataclasses.is_dataclass(hints[f.name]):
            values[f.name] = _build(hints[f.name], content[f.name], f"{path}{f.name}.", problems)
        else:
            values[f.name] = _checked(hints[f.name], content[f.name], f"{path}{f.name}", problems)
    if len(problems) > before:
        return None
    try:
        return kind(**values)
    except InputError as error:
        problems += error.problems
        return None


def _checked(hint: Any, value: Any, path: str, problems: list[str]) -> Any:
    """A value of the hinted type: bool, int, float, str, a Literal of strings, or a tuple of floats."""
    origin = get_origin(hint)
    lengths = (len(get_args(hint)),) if get_args(hint)[-1:] != (...,) else range(100)
    if origin is tuple and isinstance(value, list | tuple) and len(value) in lengths:
        return tuple(_checked(float, v, path, problems) for v in value)
    if origin is Literal and value in get_args(hint):
        return value
    if hint is float and type(value) in (int, float):
        return float(value)
    if origin is None and type(value) is hint:
        return value
    expected = " or ".join(get_args(hint)) if origin is Literal else getattr(hint, "__name__", str(hint))
    problems.append(f"{path}: got {value!r:.60}, expected {expected}")
    return None


def override(config: C, assignments: list[str]) -> C:
    """A configuration with some fields changed.

    Args:
        config: to start from.
        assignments: `path=value`, e.g. `model.layers=4`, `cm.fixed_mix=0.3,0.3,0.4`, `inputs.image=false`.

    Raises:
        InputError: for every assignment that names no field or has a value of the wrong type.
    """
    content: Any = to_dict(config)
    problems: list[str] = []
    for assignment in assignments:
        path, sign, text = assignment.partition("=")
        *groups, name = path.split(".")
        target = content
        for group in groups:
            target = target.get(group, {}) if isinstance(target, dict) else {}
        if not sign or not isinstance(target, dict) or isinstance(target.get(name, {}), dict):
            problems.append(f"{assignment}: expected PATH=VALUE with one of {', '.join(paths(config))}")
        else:
            target[name] = _parsed(text, target[name])
    changed = _build(type(config), content, "", problems)
    _refuse(problems)
    return changed


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


def paths(config: Config) -> list[str]:
    """Every dotted path that `override` takes for a configuration."""

    def walk(content: dict[str, Any], prefix: str) -> list[str]:
        return [
            path
            for key, value in content.items()
            for path in (walk(value, f"{prefix}{key}.") if isinstance(value, dict) else [prefix + key])
        ]

    return walk(to_dict(config), "")


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
    )


def _below(least: float, config: Any, *names: str) -> list[str]:
    """Problems of fields that are too small (or not a number)."""
    values = {name: getattr(config, name) for name in names}
    return [
        f"{name}: got {value}, expected at least {least}"
        for name, value in values.items()
        if not least <= value < math.inf
    ]


def _no_share(config: Any, *names: str) -> list[str]:
    """Problems of fields that are no share."""
    values = {name: getattr(config, name) for name in names}
    return [
        f"{name}: got {value}, expected a share between 0 and 1"
        for name, value in values.items()
        if not 0 <= value <= 1
    ]


def _refuse(problems: list[str]) -> None:
    if problems:
        raise InputError(*problems)
