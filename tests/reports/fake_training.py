"""Stands in for `reference_model.train`: writes what a run leaves behind, in a fraction of a second, without torch.

    python fake_training.py FOLDER MODE [UPDATES [VERSION]]

Like the real one it goes on from its checkpoint, saves and ends with 143 at SIGTERM and Ctrl-C, and is never
complete without `scores.*.json`. Modes: ok, fail (exit code 3), slow (20 updates a second).
"""

import hashlib
import json
import signal
import sys
import time
from pathlib import Path

folder, mode, updates = Path(sys.argv[1]), sys.argv[2], int((sys.argv[3:] or ["10"])[0])
version = (sys.argv[4:] or ["new"])[0]
stopped = []
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: stopped.append(True))

checkpoint = folder / "checkpoint" / "last.safetensors"
checkpoint.parent.mkdir(parents=True, exist_ok=True)
first = int(checkpoint.read_text()) if checkpoint.exists() else 0
with (folder / "starts.txt").open("a") as starts:
    starts.write(f"{first}\n")
(folder / "config.json").write_text(json.dumps({"seed": 1, "data": "made"}))
made_by = folder / "made_by.json"
noted = json.loads(made_by.read_text()) if made_by.exists() else {}
made_by.write_text(json.dumps(noted | {"version": version}))
if mode == "fail":
    print("Traceback: something\nValueError: the disk is made of cheese", file=sys.stderr)
    sys.exit(3)
with (folder / "log.jsonl").open("a") as log:
    for update in range(first + 1, updates + 1):
        time.sleep(0.05 if mode == "slow" else 0)
        log.write(json.dumps({"update": update, "task": "cg", "loss": 1.0, "seconds": 0.05}) + "\n")
        log.flush()
        checkpoint.write_text(str(update))
        if stopped:
            print(f"stopped after update {update}", file=sys.stderr)
            sys.exit(143)
for split in ("val", "test"):
    (folder / f"preds.{split}.jsonl").write_text(json.dumps({"image_id": "a", "box": 0, "caption": "x"}) + "\n")
    receipt = {"data": {"images": 1, "boxes": 1}, "sha256": {"predictions": hashlib.sha256(b"x\n").hexdigest()}}
    (folder / f"scores.{split}.json").write_text(json.dumps(receipt))
