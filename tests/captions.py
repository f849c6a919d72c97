"""Made captions for tests: Chinese with a long tail, digits, Latin, punctuation, full-width forms, repeats, empties."""

from random import Random

import numpy as np

_HAN = [chr(0x4E00 + 7 * i) for i in range(600)]
_ODD = list("0123456789abcXYZ.,!?'\"%+-/()") + list("，。！？％＋Ａｂ１２“”‘’–·°•×") + ["\u200b", "😀", "🧡"]


def caption(random: Random) -> str:
    """One caption of 0 to 12 characters, mostly Han."""
    length = random.choice([0, 1, 2, 2, 3, 4, 4, 4, 5, 5, 6, 7, 8, 10, 12])
    characters = [
        random.choice(_ODD) if random.random() < 0.06 else _HAN[int(random.paretovariate(0.6)) % len(_HAN)]
        for _ in range(length)
    ]
    if length > 2 and random.random() < 0.15:
        characters[1] = characters[0]
    return "".join(characters)


def pairs(n: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Predictions and references: equal, partly changed, shuffled or unrelated."""
    random = Random(seed)
    predictions, references = [], []
    for _ in range(n):
        reference = caption(random)
        fate = random.random()
        if fate < 0.3:
            prediction = reference
        elif fate < 0.6:
            prediction = reference[: random.randrange(len(reference) + 1)] + caption(random)[:3]
        elif fate < 0.75:
            prediction = "".join(random.sample(reference, len(reference)))
        else:
            prediction = caption(random)
        predictions.append(prediction)
        references.append(reference)
    return predictions, references


def offsets(n_boxes: int, seed: int = 0) -> np.ndarray:
    """Cut n boxes into images of 1 to 8 boxes."""
    random, cuts = Random(seed), [0]
    while cuts[-1] < n_boxes:
        cuts.append(min(n_boxes, cuts[-1] + random.randint(1, 8)))
    return np.array(cuts)
