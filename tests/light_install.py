"""Run in an environment that holds the scoring install alone (`make test` does): it scores, and torch is not there.

What needs more is refused in a sentence. Run it with `python -I`, so that neither the checkout nor anything else but
the installed package is found.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import caponimage
from caponimage.predictions import write_predictions

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
    "vlm",
    "dataset",
    "fit_types",
    "demo",
    "speed",
]:
    assert f"  {verb} " in listed, listed
    shown = subprocess.run([*command, verb, "--help"], capture_output=True, text=True, encoding="utf-8", check=False)
    assert shown.returncode == 0, shown.stderr
    assert "python -m benchmark" not in shown.stdout, shown.stdout
# The way from a data set to a receipt, as from cron: without a home, and with streams that know ASCII alone.
homes = ("HOME", "USERPROFILE", "XDG_CACHE_HOME", "CAPONIMAGE_CACHE")
environment = {name: value for name, value in os.environ.items() if name not in homes} | {"PYTHONIOENCODING": "ascii"}
board = ["leaderboard schema", "submit init"] if importlib.util.find_spec("yaml") is None else []
refused = {
    "types": ["score preds.jsonl --data data --types", "fit_types --data data --train-encoder -o types"],
    "original": ["score preds.jsonl --data data --engine pycocoevalcap"],
    "board": board,
    "vlm": ["vlm run --model openai/x --data data -o asked.jsonl", "vlm export run.eval -o asked.jsonl"],
}
with tempfile.TemporaryDirectory() as folder:

    def run(line: str, code: int = 0) -> str:
        """Messages of a command, which must end with this exit code."""
        done = subprocess.run([*command, *line.split()], cwd=folder, env=environment, capture_output=True, check=False)
        messages = done.stderr.decode("ascii")
        assert done.returncode == code, (line, done.returncode, messages)
        assert "Traceback" not in messages, (line, messages)
        return messages

    run("dataset build --out data --images test=8 --images val=8 --images train=8")
    split = caponimage.open_split(Path(folder, "data"), "test")
    write_predictions(Path(folder, "preds.jsonl"), split, split.captions)
    for line in (
        "validate preds.jsonl --data data --fix fixed.jsonl",
        "score preds.jsonl --data data -o scores.json --segments segments.jsonl --slices --lens",
        "verify scores.json fixed.jsonl --data data",
        "compare one=preds.jsonl two=fixed.jsonl --data data --json",
        "dataset describe data",
        "dataset show data --out shown.png",
        "dataset fingerprint data",
        "demo --data data --out demo",
    ):
        run(line)
    for extra, lines in refused.items():
        for line in lines:
            assert f"caponimage[{extra}]" in run(line, code=2), line
print("the light install scores")
