"""The updates of a run: which captions each one trains on, and their tensors.

Invariants:
* an update's content is a function of (seed, update) alone, so a resumed run, another number of devices, and another
  number of loading processes all see the same samples in the same order;
* an epoch visits every image (or, ungrouped, every box) once, in a random order;
* an update consists of one task, and its loss is normalised over the whole update, so how it is cut into pieces does
  not matter.
"""

import math
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from random import Random

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmark.dataset.schema import AnnotationRow
from benchmark.processes import end_after, ending_signals
from reference_model.batch import PAD, SOS, Batch, target_places
from reference_model.config import Config, InputConfig
from reference_model.training.inputs import PreparedSplit, grid_cells, hidden_boxes, info_ids, prepare_picture
from reference_model.training.matching import Negatives, draw_negatives, shares_at
from reference_model.training.vocabulary import Vocabulary

#: Info is padded to multiples of so many characters where code is compiled.
INFO_STEP = 20


@dataclass(frozen=True)
class UpdatePlan:
    """The updates of a run: pre-training, then fine-tuning with Caption Generation alone.

    An item is what an update counts: an image with all its boxes, or with `train.grouped=false` a single box.

    Attributes:
        config: configuration of the run.
        n_images: number of images of the training split.
        n_boxes: number of boxes of the training split.
        seed: random seed of the run.
    """

    config: Config
    n_images: int
    n_boxes: int
    seed: int

    @property
    def pretrain_updates(self) -> int:
        """Number of updates with both tasks; 0 for variants without Caption Matching."""
        return self.config.train.pretrain_updates if self.config.cm.strategy != "none" else 0

    @property
    def updates(self) -> int:
        """Number of updates in the whole run; the same for every variant, so that all see equally many captions."""
        return self.config.train.pretrain_updates + self.config.train.finetune_updates

    @property
    def items_per_update(self) -> int:
        """Number of items in an update, about `train.batch` captions."""
        if not self.config.train.grouped:
            return min(self.config.train.batch, self.n_boxes)
        return min(max(1, round(self.config.train.batch * self.n_images / self.n_boxes)), self.n_images)

    @property
    def captions(self) -> float:
        """Number of captions that the whole run sees; of grouped updates, the expected number."""
        return self.updates * self.items_per_update * (self.n_boxes / self._items)

    @property
    def _items(self) -> int:
        """Number of items in the training split."""
        return self.n_images if self.config.train.grouped else self.n_boxes

    def is_matching(self, update: int) -> bool:
        """Whether an update trains Caption Matching (paper_vs_code: task-mix)."""
        cm = self.config.cm
        if update >= self.pretrain_updates:
            return False
        if cm.batches == "cycle":
            every = round(1 / cm.share)
            return update % every == every - 1
        return Random(f"{self.seed}/task/{update}").random() < cm.share

    @cached_property
    def _matching_updates(self) -> np.ndarray:
        """Number of Caption Matching updates before each update of pre-training."""
        tasks = [self.is_matching(update) for update in range(self.pretrain_updates)]
        return np.concatenate([[0], np.cumsum(tasks)])

    def level_shares(self, update: int) -> tuple[float, float, float]:
        """Shares of the three levels among the negatives at an update."""
        before = int(self._matching_updates[update]) if self.config.cm.step == "cm_only" else 0
        return shares_at(self.config.cm, update, before, self.pretrain_updates)

    def items_of(self, update: int) -> np.ndarray:
        """Positions of an update's items in the training split, (items_per_update,)."""
        total = self._items
        first = update * self.items_per_update
        places = np.arange(first, first + self.items_per_update)
        epochs = places // total
        found = np.empty(self.items_per_update, np.int64)
        for epoch in np.unique(epochs):
            mine = epochs == epoch
            found[mine] = self._order(int(epoch), total)[places[mine] % total]
        return found

    def _order(self, epoch: int, total: int) -> np.ndarray:
        if self._orders.get("epoch") != epoch:
            self._orders["epoch"] = epoch
            self._orders["order"] = np.random.default_rng([self.seed, 1, epoch]).permutation(total)
        return np.asarray(self._orders["order"])

    @cached_property
    def _orders(self) -> dict[str, object]:
        return {}


class Updates(Dataset[list[Batch]]):
    """A data set for PyTorch's loader whose element i is update i, cut into the pieces of one device.

    Args:
        plan: the updates of the run.
        data: the training split.
        rank: number of this device, from 0.
        world: number of devices.
    """

    def __init__(self, plan: UpdatePlan, data: PreparedSplit, rank: int = 0, world: int = 1) -> None:
        self.plan, self.data, self.rank, self.world = plan, data, rank, world

    def __len__(self) -> int:
        return self.plan.updates

    def __getitem__(self, update: int) -> list[Batch]:
        """The pieces of this device, one forward and backward pass each; their losses add up to the update's."""
        config, data = self.plan.config, self.data
        items = self.plan.items_of(update)
        if config.train.grouped:
            starts, ends = data.arrays["box_offsets"][items], data.arrays["box_offsets"][items + 1]
            groups = [np.arange(a, b) for a, b in zip(starts, ends, strict=True)]
        else:
            groups = [np.array([box]) for box in items]
        boxes = np.concatenate(groups)
        negatives = self._negatives(boxes, update) if self.plan.is_matching(update) else None
        normaliser = float(self._targets(boxes)) if negatives is None else float(len(boxes))
        pieces = _pieces([len(group) for group in groups], self.rank, self.world, config.train.micro_batch)
        batches = []
        for piece in pieces:
            rows = slice(piece.start, piece.stop)
            part = None if negatives is None else Negatives(*(values[rows] for values in vars(negatives).values()))
            batch = collate(data, boxes[rows], negatives=part, group=config.train.grouped, even=config.train.compile)
            batches.append(replace(batch, normaliser=normaliser))
        return batches

    def _targets(self, boxes: np.ndarray) -> int:
        """Divisor of an update's generation loss: its number of characters or captions (paper_vs_code: reduce)."""
        if self.plan.config.cg.reduce == "caption":
            return len(boxes)
        offsets = self.data.arrays["caption_offsets"]
        return int((offsets[boxes + 1] - offsets[boxes] - 1).sum())

    def _negatives(self, boxes: np.ndarray, update: int) -> Negatives:
        data = self.data
        image = data.image_of_box[boxes]
        first = data.arrays["box_offsets"][image]
        return draw_negatives(
            boxes,
            first,
            data.arrays["box_offsets"][image + 1] - first,
            data.arrays["nearest"][boxes],
            lambda box: data.span("captions", box).tobytes(),
            data.n_boxes,
            self.plan.config.cm,
            self.plan.level_shares(update),
            np.random.default_rng([self.plan.seed, 2, update]),
        )


def _pieces(sizes: Sequence[int], rank: int, world: int, limit: int) -> list[range]:
    """Rows of one device, cut between groups into pieces of at most `limit` boxes, if there is a limit.

    Args:
        sizes: number of boxes of each group.
        rank: number of the device, from 0.
        world: number of devices.
        limit: most boxes of a piece, unless a single group has more; 0 for no limit.
    """
    ends = np.cumsum([0, *sizes])
    share = np.linspace(0, len(sizes), world + 1).round().astype(int)
    groups = range(share[rank], share[rank + 1])
    total = int(ends[groups.stop] - ends[groups.start])
    n = max(1, math.ceil(total / limit)) if limit else 1
    cuts = np.linspace(groups.start, groups.stop, min(n, max(1, len(groups))) + 1).round().astype(int)
    return [range(int(ends[a]), int(ends[b])) for a, b in pairwise(cuts)]


def collate(
    data: PreparedSplit,
    boxes: np.ndarray,
    *,
    negatives: Negatives | None = None,
    group: bool = True,
    sos: bool = False,
    even: bool = False,
) -> Batch:
    """The batch of some boxes of a split.

    Args:
        data: the split of the boxes.
        boxes: positions in the split, boxes of one image side by side.
        negatives: pairs to show for Caption Matching; None for Caption Generation.
        group: whether the boxes of an image share its picture and info, instead of repeating them.
        sos: whether captions are [SOS] alone, for decoding.
        even: whether texts are padded to few different lengths, for compiled code: info to a multiple of `INFO_STEP`,
            captions to the longest that is allowed; otherwise to the longest of the batch.
    """
    limits = data.inputs
    arrays, images = data.arrays, data.image_of_box[boxes]
    if group:
        pictures, image_of_box = np.unique(images, return_inverse=True)
    else:
        pictures, image_of_box = images, np.arange(len(boxes))
    place = boxes if negatives is None else negatives.place
    caption = boxes if negatives is None else negatives.caption
    info = _padded(arrays["info"], arrays["info_offsets"], pictures, INFO_STEP if even else 1)
    if sos:
        captions = torch.full((len(boxes), 1), SOS)
    else:
        captions = _padded(arrays["captions"], arrays["caption_offsets"], caption, limits.max_caption if even else 1)
    known = data.features_file is not None
    return Batch(
        images=torch.from_numpy(_pictures(data, pictures)) if limits.image and not known else None,
        info=info[:, : limits.max_info],
        image_of_box=torch.from_numpy(image_of_box.astype(np.int64)),
        boxes=torch.from_numpy(arrays["boxes"][place]),
        cells=torch.from_numpy(arrays["cells"][place].astype(np.int64)),
        captions=captions,
        labels=None if negatives is None else torch.from_numpy(negatives.labels),
        levels=None if negatives is None else torch.from_numpy(negatives.levels),
        targets=None if sos or negatives is not None else target_places(captions),
        features=torch.from_numpy(data.features[pictures]) if limits.image and known else None,
    )


def image_batch(
    row: AnnotationRow, picture: Image.Image, inputs: InputConfig, vocabulary: Vocabulary, *, seed: int = 0
) -> Batch:
    """The batch of one image, which need not be in a data set, for decoding; the same as `collate` makes with `sos`."""
    boxes = torch.tensor(row["boxes"], dtype=torch.float32)
    pictures = [prepare_picture(picture, hidden_boxes(row), inputs)] if inputs.image else []
    return Batch(
        images=torch.from_numpy(np.stack(pictures)) if pictures else None,
        info=torch.tensor([info_ids(row, inputs, vocabulary) or [PAD]]),
        image_of_box=torch.zeros(len(boxes), dtype=torch.int64),
        boxes=boxes,
        cells=torch.from_numpy(grid_cells(row, inputs, seed).astype(np.int64)),
        captions=torch.full((len(boxes), 1), SOS),
    )


def _padded(values: np.ndarray, offsets: np.ndarray, rows: np.ndarray, step: int) -> Tensor:
    """Some rows of an array of lists as one table, padded to a multiple of `step`; int64."""
    starts = offsets[rows]
    lengths = offsets[rows + 1] - starts
    columns = np.arange(step * math.ceil(max(1, lengths.max(initial=0)) / step))
    real = columns < lengths[:, None]
    table = np.full(real.shape, PAD, np.int64)
    table[real] = values[(starts[:, None] + columns)[real]]
    return torch.from_numpy(table)


def _pictures(data: PreparedSplit, images: np.ndarray) -> np.ndarray:
    """Pictures of some images, (I, 3, H, W)."""
    if data.keep_images:
        return np.asarray(data.arrays["images"][images])
    return np.stack([data.picture(image) for image in images])


def training_batches(updates: Updates, first: int, workers: int, *, pin: bool) -> Iterator[list[Batch]]:
    """The pieces of the updates from `first` on, prepared ahead of time by worker processes."""
    loader = DataLoader(
        updates,
        batch_size=None,
        sampler=range(first, len(updates)),
        num_workers=workers,
        pin_memory=pin,
        prefetch_factor=4 if workers else None,
        persistent_workers=bool(workers),
        worker_init_fn=_begin,
    )
    return iter(loader)


def _begin(worker: int) -> None:
    """Leave signals to the process that trains, which saves and ends its workers, and end with it if it is killed."""
    for number in (signal.SIGINT, *ending_signals()):
        signal.signal(number, signal.SIG_IGN)
    parent = os.getppid()

    def until_alone() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)

    end_after(until_alone)


def generation_batches(data: PreparedSplit, n_images: int, boxes_per_batch: int) -> Iterator[tuple[np.ndarray, Batch]]:
    """Batches for decoding the first images; images with product info of similar length share one, to save padding."""
    lengths = np.diff(data.arrays["info_offsets"])[:n_images]
    offsets = data.arrays["box_offsets"]
    order = np.argsort(lengths, kind="stable")
    pending: list[np.ndarray] = []
    for i, image in enumerate(order.tolist()):
        pending.append(np.arange(offsets[image], offsets[image + 1]))
        if sum(map(len, pending)) >= boxes_per_batch or i == len(order) - 1:
            boxes = np.concatenate(pending)
            pending.clear()
            yield boxes, collate(data, boxes, sos=True)
