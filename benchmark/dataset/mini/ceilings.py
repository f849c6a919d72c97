"""Highest exact match that any model can reach on mini, with all inputs or with one removed.

It follows from the generator, not from a model: it is the mean over boxes of the probability that the best guess is
right given the remaining inputs. It is the yardstick of ablations: a model without an input that scores above its
ceiling has found a leak, and a full model far below its ceiling has not learned to read something.
"""

from collections.abc import Callable, Iterable

from . import UNEXPLAINED
from .copywriting import visible
from .layouts import Slot, best_stack_guess
from .samples import Product, Sample

_Chance = Callable[[Product, Slot], float]  # probability that the best guess of a slot's caption is right
_EXPLAINED = 1 - UNEXPLAINED


def _without_neighbours(product: Product, slot: Slot) -> float:
    if not slot.role.endswith("point"):
        return _EXPLAINED
    return _EXPLAINED * (best_stack_guess()[int(slot.box[1] * 8)] == slot.role)


def _without_info(product: Product, slot: Slot) -> float:
    if slot.role == "brand":
        return _EXPLAINED / len(product.domain.brands)
    if slot.role == "material":
        return _EXPLAINED / len(product.domain.materials)
    if slot.role.endswith("point"):
        return 1 / len(product.category.selling_points)  # includes the unexplained captions
    return _EXPLAINED


def _without_picture(product: Product, slot: Slot) -> float:
    shown = visible()
    kinds = {"colour": shown.colours, "pattern": shown.patterns, "shape": shown.shapes, "scene": shown.scenes}
    return _EXPLAINED / len(kinds[slot.role]) if slot.role in kinds else _EXPLAINED


_CHANCES: dict[str, _Chance] = {
    "nothing removed": lambda product, slot: _EXPLAINED,
    "without neighbours": _without_neighbours,
    "without image": _without_picture,
    "without title and attributes": _without_info,
}


def ceilings(samples: Iterable[Sample]) -> dict[str, float]:
    """Highest expected share of exact matches over the boxes of a split, in [0, 1], by removed input.

    "without location" is an upper bound: such a model writes one caption for all boxes of an image, and captions of one
    image do not repeat, so at most one is right.
    """
    totals = dict.fromkeys(_CHANCES, 0.0)
    n_boxes = n_images = 0
    for sample in samples:
        n_images += 1
        n_boxes += len(sample.layout.slots)
        for slot in sample.layout.slots:
            for name, chance in _CHANCES.items():
                totals[name] += chance(sample.product, slot)
    totals["without location"] = n_images * _EXPLAINED
    return {name: total / n_boxes for name, total in totals.items()}
