"""Run in an environment that holds the scoring install alone (`make test` does): it scores, and torch is not there."""

import importlib.util
import sys

import benchmark

for heavy in ("torch", "torchvision", "transformers", "sentence_transformers", "sklearn", "pycocoevalcap"):
    assert importlib.util.find_spec(heavy) is None, f"{heavy} is installed, so this run proves nothing"

perfect = benchmark.evaluate(predictions=[["温和不刺激", "好用"]], references=[["温和不刺激", "好用"]])
assert abs(perfect.scores["BLEU-4"] - 100) < 1e-6, perfect.scores
assert abs(perfect.scores["METEOR"] - 100) < 1e-9, perfect.scores
assert perfect.intervals()["METEOR"][0] > 99.9
assert "numpy" in sys.modules
print("the light install scores")
