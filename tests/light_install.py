"""Run in an environment that holds the scoring install alone (`make test` does): it scores, and torch is not there.

Run it with `python -I`, so that neither the checkout nor anything else but the installed package is found.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import caponimage

for heavy in ("torch", "torchvision", "transformers", "sentence_transformers", "sklearn", "pycocoevalcap"):
    assert importlib.util.find_spec(heavy) is None, f"{heavy} is installed, so this run proves nothing"

perfect = caponimage.evaluate(predictions=[["温和不刺激", "好用"]], references=[["温和不刺激", "好用"]])
assert abs(perfect.scores["BLEU-4"] - 100) < 1e-6, perfect.scores
assert abs(perfect.scores["METEOR"] - 100) < 1e-9, perfect.scores
assert perfect.intervals()["METEOR"][0] > 99.9
assert "numpy" in sys.modules

script = "caponimage.exe" if sys.platform == "win32" else "caponimage"
command = [str(Path(sys.executable).parent / script)]
listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
for verb in [
    "score",
    "validate",
    "compare",
    "verify",
    "submit",
    "leaderboard",
    "dataset",
    "fit_types",
    "demo",
    "speed",
]:
    assert f"  {verb} " in listed, listed
    shown = subprocess.run([*command, verb, "--help"], capture_output=True, text=True, encoding="utf-8", check=False)
    assert shown.returncode == 0, shown.stderr
    assert "python -m benchmark" not in shown.stdout, shown.stdout
print("the light install scores")
