"""Training: the same weights through any interruption and on any number of processes."""

import json
import os
import random
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_runs import TINY, prepared, tiny

from benchmark.dataset.store import Split
from benchmark.errors import InputError, Interrupted
from benchmark.locks import locked
from reference_model import predict
from reference_model import train as train_command
from reference_model.config import Config
from reference_model.run_folder import build_model, is_complete, load_run, run_folder
from reference_model.train import train
from reference_model.training.batches import UpdatePlan, Updates
from reference_model.training.checkpoint import Checkpoint, find_checkpoint, save_best, spare
from reference_model.training.distributed import World
from reference_model.training.trainer import Trainer
from reference_model.training.vocabulary import Vocabulary
from reference_model.variants import VARIANTS

Splits = dict[str, Split]


def trainer(config: Config, splits: Splits, vocabulary: Vocabulary, folder: Path) -> Trainer:
    torch.manual_seed(1)
    return Trainer(
        build_model(config, len(vocabulary)),
        config,
        seed=1,
        data=prepared(splits["train"], config, vocabulary),
        validation=prepared(splits["val"], config, vocabulary),
        vocabulary=vocabulary,
        folder=folder,
        world=World(0, 1, torch.device("cpu")),
    )


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "checkpoint" / "last.safetensors")


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("dropout", ["0", "0.2"])
@pytest.mark.parametrize(("schedule", "optimiser"), [("trapezoid", "muon"), ("noam", "adam")])
def test_a_run_stopped_anywhere_ends_with_the_same_weights(
    schedule: str, optimiser: str, dropout: str, splits: Splits, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    """Order, dropout, negatives, optimiser state or its restart for fine-tuning: whatever is not restored shows."""
    settings = (f"train.schedule={schedule}", f"train.optimiser={optimiser}", f"model.dropout={dropout}")
    config = tiny("full", "train.rate=0.01", *settings)
    trainer(config, splits, vocabulary, tmp_path / "whole").train()
    for stop_at in (1, 5, 6, 9):
        folder = tmp_path / f"stopped{stop_at}"
        first = trainer(config, splits, vocabulary, folder)
        step = first.step

        def counting(*args: object, run: Trainer = first, step: object = step, stop_at: int = stop_at) -> object:
            run._stop = signal.SIGTERM if run.update + 1 == stop_at else 0
            return step(*args)  # type: ignore[operator]

        first.step = counting  # type: ignore[method-assign, assignment]
        with pytest.raises(Interrupted):
            first.train()
        again = trainer(config, splits, vocabulary, folder)
        again.train()
        assert same(weights(folder), weights(tmp_path / "whole"))
        log = (folder / "log.jsonl").read_text().splitlines()
        assert len(log) == len((tmp_path / "whole" / "log.jsonl").read_text().splitlines())


def command(directory: Path, runs: Path, *more: str, variant: str = "full") -> list[str]:
    arguments = [variant, *TINY, "train.finetune_updates=40", "train.save_every=3", *more]
    return [sys.executable, "-m", "reference_model.train", *arguments, "--data", str(directory), "--runs", str(runs)]


def environment(tmp_path: Path) -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "CAPONIMAGE_CACHE": str(tmp_path / "cache")}


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_weights(directory: Path, tmp_path: Path) -> None:
    """SIGKILL while writing a checkpoint, the log, the predictions or the prepared data, twenty times."""
    env = environment(tmp_path / "other")
    more = ("train.finetune_updates=300", "train.validate_every=20")
    subprocess.run(command(directory, tmp_path / "whole", *more), env=env, check=True)
    env, runs, dice = environment(tmp_path), tmp_path / "killed", random.Random(5)
    kills, waited = 0, 2.0
    while True:
        process = subprocess.Popen(command(directory, runs, *more), env=env)
        try:
            # Long enough to save something now and then; the last ones let it come to its end.
            process.wait(timeout=waited + 4 * dice.random() if kills < 20 else 300)
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills, waited = kills + 1, waited + 0.1
    assert process.returncode == 0
    assert kills >= 10
    (whole,), (killed,) = ((tmp_path / name).glob("full/*/seed1") for name in ("whole", "killed"))
    for name in ("last", "best"):
        one, other = (load_file(folder / "checkpoint" / f"{name}.safetensors") for folder in (whole, killed))
        assert same(one, other)
    for name in ("preds.test.jsonl", "preds.val.jsonl"):
        assert (whole / name).read_bytes() == (killed / name).read_bytes()
    assert [e["update"] for e in losses(killed)] == [e["update"] for e in losses(whole)]
    assert left_behind(killed) == left_behind(tmp_path / "cache") == set()


def losses(folder: Path) -> list[dict[str, float]]:
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [entry for entry in entries if "loss" in entry]


def left_behind(folder: Path) -> set[str]:
    """Hidden files and folders, which are temporary ones and locks."""
    return {path.name for path in folder.rglob(".*")}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_saves_and_leaves_nothing_behind(number: signal.Signals, directory: Path, tmp_path: Path) -> None:
    """A cluster that takes its node back, a lost connection, Ctrl-C: whatever reaches the processes that load, too."""
    long = command(directory, tmp_path / "runs", "train.finetune_updates=100000", "train.save_every=100000")
    process = subprocess.Popen(
        [*long, "train.workers=2"],
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    log = None
    while log is None or log.read_text().count("\n") < 20:
        time.sleep(0.2)
        log = next(iter((tmp_path / "runs").glob("full/*/seed1/log.jsonl")), None)
        assert process.poll() is None
    os.killpg(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number, said
    assert re.fullmatch(r"stopped after update \d+ of 100006; run again to go on\n", said)
    assert (log.parent / "checkpoint" / "last.safetensors").is_file()
    assert left_behind(tmp_path) == set()
    assert not alive(process.pid)


@pytest.mark.slow
def test_processes_that_load_end_with_a_killed_training(directory: Path, tmp_path: Path) -> None:
    """Orphans that hold the lock of the run, so that it cannot go on."""
    long = command(directory, tmp_path / "runs", "train.finetune_updates=100000", "train.workers=2")
    process = subprocess.Popen(long, env=environment(tmp_path), start_new_session=True)
    while not list((tmp_path / "runs").glob("full/*/seed1/checkpoint/last.safetensors")):
        time.sleep(0.2)
        assert process.poll() is None
    process.kill()
    process.wait()
    end = time.monotonic() + 5
    while alive(process.pid):
        assert time.monotonic() < end
        time.sleep(0.1)


def alive(session: int) -> bool:
    """Whether a process of a session that was started with `start_new_session` is still there."""
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_a_process_whose_partner_is_gone_says_so(directory: Path, tmp_path: Path) -> None:
    """A rank that waits for half an hour for one that was killed, or ends in a traceback of another library."""
    long = command(directory, tmp_path / "runs", "train.finetune_updates=100000")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    ranks = [
        subprocess.Popen(
            long,
            env=environment(tmp_path)
            | {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": str(port)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    while not list((tmp_path / "runs").glob("full/*/seed1/checkpoint/last.safetensors")):
        time.sleep(0.2)
        assert [rank.poll() for rank in ranks] == [None, None]
    ranks[1].kill()
    _, said = ranks[0].communicate(timeout=60)
    ranks[1].communicate()
    assert ranks[0].returncode == 2, said
    assert "error: process 0 of 2: another process of this training has ended" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.parametrize("micro_batch", ["0", "7"])
def test_two_processes_train_as_one(micro_batch: str, directory: Path, tmp_path: Path) -> None:
    """Gradients averaged where they must add up, negatives drawn per rank, a rank that validates alone."""
    env = environment(tmp_path)
    more = (f"train.micro_batch={micro_batch}", "train.finetune_updates=4")
    for variant in ("context", "full"):
        subprocess.run(command(directory, tmp_path / "one", *more, variant=variant), env=env, check=True)
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
        two = command(directory, tmp_path / "two", *more, variant=variant)[2:]
        subprocess.run([*torchrun, *two], env=env, check=True)
        (one,), (two_folder,) = ((tmp_path / name).glob(f"{variant}/*/seed1") for name in ("one", "two"))
        a, b = weights(one), weights(two_folder)
        for name in a:
            # A key's bias moves no attention: its gradient is rounding alone, which Adam makes large.
            if name.startswith("model/") and not name.endswith("key.bias"):
                assert torch.allclose(a[name], b[name], atol=2e-4), name


def test_without_a_validation_split_the_last_weights_are_used(splits: Splits, tmp_path: Path) -> None:
    """Hours of training on one's own pictures that end without weights, since so few made no validation split."""
    folder = train(tiny("context"), {name: splits[name] for name in ("train", "test")}, seed=1, runs=tmp_path)
    last, best = weights(folder), load_file(folder / "checkpoint" / "best.safetensors")
    assert all(torch.equal(value, last[f"model/{name.removeprefix('model/')}"]) for name, value in best.items())
    assert json.loads((folder / "scores.test.json").read_text())["scores"]["CIDEr"] >= 0


#: The first four losses of each variant (tiny sizes, seed 1, one thread), measured on mini-2: changed numerics show.
GOLDEN: dict[str, list[float]] = {
    "baseline": [6.21759, 5.96532, 5.96482, 5.77809],
    "no-locations": [5.79929, 5.67765, 5.55063, 5.65322],
    "no-info": [6.15511, 5.8913, 5.89908, 5.748],
    "no-image": [6.22706, 6.00239, 5.95413, 5.76761],
    "context": [6.15631, 6.07403, 5.99115, 5.70425],
    "full": [6.00609, 6.15068, 6.02603, 1.10526],
    "full-level1": [6.00609, 6.15068, 6.02603, 1.10499],
    "full-level12": [6.00609, 6.15068, 6.02603, 1.10492],
    "full-fixed": [6.00609, 6.15068, 6.02603, 1.10514],
    "random-neighbours": [6.15692, 6.07501, 5.99161, 5.70857],
    "top2": [5.93399, 5.75049, 5.69693, 5.80655],
    "chain": [6.15495, 6.07479, 5.98987, 5.70663],
    "leak": [6.15576, 6.08989, 5.9925, 5.69949],
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_golden_losses(variant: str, splits: Splits, vocabulary: Vocabulary, tmp_path: Path) -> None:
    """A refactoring that means to change nothing must not move a loss."""
    run = trainer(tiny(variant, "cm.batches=cycle"), splits, vocabulary, tmp_path)
    updates = Updates(run.plan, run.data)
    losses = []
    for update in range(4):
        losses.append(float(run.step(run.model, updates[update])))
        run.update += 1
    assert losses == pytest.approx(GOLDEN[variant], rel=1e-3)


def test_updates_are_cut_without_loss(splits: Splits, vocabulary: Vocabulary) -> None:
    """Pieces of devices and micro-batches that drop or repeat a box."""
    config = tiny("full", "train.micro_batch=5")
    data = prepared(splits["train"], config, vocabulary)
    plan = UpdatePlan(config, data.n_images, data.n_boxes, 1)
    whole = Updates(UpdatePlan(tiny("full"), data.n_images, data.n_boxes, 1), data)
    for update in range(plan.updates):
        pieces = [piece for rank in range(3) for piece in Updates(plan, data, rank, 3)[update]]
        assert torch.equal(torch.cat([p.boxes for p in pieces]), whole[update][0].boxes)
        assert {p.normaliser for p in pieces} == {whole[update][0].normaliser}
        assert max(p.n_boxes for p in pieces) <= 10


def test_an_epoch_shows_every_image_once(splits: Splits, vocabulary: Vocabulary) -> None:
    """A sampler that repeats images before it has shown all."""
    config = tiny("context", "train.pretrain_updates=60")
    data = prepared(splits["train"], config, vocabulary)
    plan = UpdatePlan(config, data.n_images, data.n_boxes, 1)
    stream = [i for update in range(plan.updates) for i in plan.items_of(update).tolist()]
    n = data.n_images
    epochs = [stream[k * n : (k + 1) * n] for k in range(len(stream) // n)]
    assert all(sorted(epoch) == list(range(n)) for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_the_mix_of_tasks(splits: Splits) -> None:
    """Three to one at random; cycled, every fourth; never in fine-tuning, never for variants without matching."""
    config = tiny("full", "train.pretrain_updates=4000")
    plan = UpdatePlan(config, 100, 480, 1)
    tasks = [plan.is_matching(update) for update in range(plan.updates)]
    assert sum(tasks[:4000]) == pytest.approx(1000, abs=100)
    assert not any(tasks[4000:])
    assert tasks != [UpdatePlan(config, 100, 480, 2).is_matching(update) for update in range(plan.updates)]
    cycled = UpdatePlan(tiny("full", "train.pretrain_updates=40", "cm.batches=cycle"), 100, 480, 1)
    assert [u for u in range(40) if cycled.is_matching(u)] == list(range(3, 40, 4))
    assert not any(UpdatePlan(tiny("context"), 100, 480, 1).is_matching(u) for u in range(10))


def test_damaged_and_foreign_checkpoints_are_refused(splits: Splits, vocabulary: Vocabulary, tmp_path: Path) -> None:
    """A traceback from deep inside a library, or worse, a run that silently starts from noise."""
    config = tiny("context")
    model = build_model(config, len(vocabulary))
    path = tmp_path / "checkpoint" / "best.safetensors"
    assert find_checkpoint(path, {}) is None
    save_best(path, model, {"config": config.hash, "update": 3})
    spare(path).unlink()
    whole = path.read_bytes()
    for content in (b"", whole[:100], whole[: len(whole) // 2], b"\x80\x04K\x01.", b"{}" * 50, bytes(len(whole))):
        path.write_bytes(content)
        with pytest.raises(InputError, match="nothing was deleted"):
            find_checkpoint(path, {})
        assert path.read_bytes() == content
    path.write_bytes(whole)
    with pytest.raises(InputError, match="belongs to configuration"):
        find_checkpoint(path, {"config": "another"})
    with pytest.raises(InputError, match="do not fit"):
        found(path).load(build_model(tiny("context", "model.width=64"), len(vocabulary)))
    save_file({"a": torch.zeros(3)}, path, metadata={"format": "pt"})
    with pytest.raises(InputError, match="not a checkpoint of this program"):
        find_checkpoint(path, {})


def found(path: Path) -> Checkpoint:
    checkpoint = find_checkpoint(path, {})
    assert checkpoint is not None
    return checkpoint


def test_a_flipped_bit_anywhere_is_seen(splits: Splits, vocabulary: Vocabulary, tmp_path: Path) -> None:
    """Other weights loaded in silence: 499 of 500 flips passed once."""
    model = build_model(tiny("context"), len(vocabulary))
    path = tmp_path / "checkpoint" / "best.safetensors"
    save_best(path, model, {"update": 3})
    assert path.read_bytes() == spare(path).read_bytes()
    whole, dice = path.read_bytes(), random.Random(1)
    for i in range(60):
        bit = dice.randrange(8 * (len(whole) if i % 2 else 2000))  # half of them in the header
        path.write_bytes(flipped(whole, bit))
        used = found(path)
        assert used.path == spare(path)
        assert "best.safetensors" in used.warning


def flipped(content: bytes, bit: int) -> bytes:
    return content[: bit // 8] + bytes([content[bit // 8] ^ 1 << bit % 8]) + content[bit // 8 + 1 :]


@pytest.mark.parametrize("name", ["last", "best"])
@pytest.mark.parametrize("how", ["zeroed", "halved", "missing"])
def test_a_damaged_checkpoint_costs_updates_but_no_bit(
    name: str, how: str, splits: Splits, vocabulary: Vocabulary, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A training lost with one file, or one that ends with the weights of another validation."""
    config = tiny("context")
    trainer(config, splits, vocabulary, tmp_path / "whole").train()
    folder = tmp_path / "damaged"
    first = trainer(config, splits, vocabulary, folder)
    stop_after(first, 7)
    path = folder / "checkpoint" / f"{name}.safetensors"
    content = path.read_bytes()
    path.write_bytes(bytes(len(content)) if how == "zeroed" else content[: len(content) // 2])
    if how == "missing":
        path.unlink()
    capsys.readouterr()
    trainer(config, splits, vocabulary, folder).train()
    said = capsys.readouterr().err
    assert f"{path}" in said
    assert f"using {name}.spare.safetensors" in said
    if name == "last":
        assert '"warning"' in (folder / "log.jsonl").read_text()
    for each in ("last", "best"):
        ended = load_file(folder / "checkpoint" / f"{each}.safetensors")
        assert same(ended, load_file(tmp_path / "whole" / "checkpoint" / f"{each}.safetensors"))


def stop_after(run: Trainer, update: int) -> None:
    """Train until a signal comes during an update."""
    step = run.step

    def counting(*args: object) -> object:
        run._stop = signal.SIGTERM if run.update + 1 == update else 0
        return step(*args)  # type: ignore[arg-type]

    run.step = counting  # type: ignore[method-assign, assignment]
    with pytest.raises(Interrupted):
        run.train()


@pytest.mark.parametrize("name", ["last", "best"])
def test_where_both_checkpoints_are_damaged_nothing_is_deleted(
    name: str, splits: Splits, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    """Days of training overwritten from the start, where a backup could have helped."""
    run = trainer(tiny("context"), splits, vocabulary, tmp_path)
    stop_after(run, 7)
    both = [path for path in (tmp_path / "checkpoint").iterdir() if path.name.startswith(name)]
    for path in both:
        path.write_bytes(b"\0" * 1000)
    with pytest.raises(InputError, match="copy one of them here"):
        trainer(tiny("context"), splits, vocabulary, tmp_path).train()
    assert len(both) == 2
    assert {path.read_bytes() for path in both} == {b"\0" * 1000}


def test_a_log_that_a_power_cut_has_cut_goes_on(splits: Splits, vocabulary: Vocabulary, tmp_path: Path) -> None:
    """Zeros at the end of the log, and a run that never goes on again, or one with every update twice."""
    stop_after(trainer(tiny("context"), splits, vocabulary, tmp_path), 7)
    path = tmp_path / "log.jsonl"
    path.write_bytes(path.read_bytes() + b'{"update": 8, "loss": 0.1}\n{"upd' + bytes(500) + b"\xff\n")
    trainer(tiny("context"), splits, vocabulary, tmp_path).train()
    assert [entry["update"] for entry in losses(tmp_path)] == [3, 6, 9, 10]


def test_a_damaged_checkpoint_never_replaces_the_whole_one(
    splits: Splits, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    """The damaged file kept as the second of the two, and the whole one gone with the next save."""
    stop_after(trainer(tiny("context"), splits, vocabulary, tmp_path), 7)
    last = tmp_path / "checkpoint" / "last.safetensors"
    last.write_bytes(b"\0" * 1000)
    stop_after(trainer(tiny("context"), splits, vocabulary, tmp_path), 7)
    assert found(last).warning == ""
    last.unlink()
    assert found(last).state["update"] == 6


def test_a_run_goes_on_with_its_own_data_and_vocabulary_only(
    splits: Splits, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    """A vocabulary of which one bit was flipped gives every caption another character, and no error."""
    stop_after(trainer(tiny("context"), splits, vocabulary, tmp_path), 7)
    other = Vocabulary([*vocabulary.entries[:-1], "\u3400"])
    with pytest.raises(InputError, match="belongs to vocabulary"):
        trainer(tiny("context"), splits, other, tmp_path).train()
    with pytest.raises(InputError, match="belongs to training data"):
        trainer(tiny("context"), {"train": splits["test"], "val": splits["val"]}, vocabulary, tmp_path).train()


@pytest.mark.parametrize(
    "name",
    [
        *("preds.test.jsonl", "scores.test.json", "preds.val.jsonl", "scores.val.json"),
        *("vocabulary.json", "config.json", "made_by.json", "log.jsonl"),
    ],
)
@pytest.mark.parametrize("how", ["zeroed", "halved", "emptied"])
def test_a_run_with_a_damaged_file_is_finished_again_from_its_weights(
    name: str, how: str, finished: Path, splits: Splits, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that counts as complete with empty predictions, as power cuts leave it."""
    runs = tmp_path / "runs"
    shutil.copytree(finished.parents[2], runs)
    folder = runs / finished.relative_to(finished.parents[2])
    wanted = {path.name: path.read_bytes() for path in folder.glob("*.json*")}
    content = wanted[name]
    damaged = {"zeroed": bytes(len(content)), "halved": content[: len(content) // 2], "emptied": b""}[how]
    (folder / name).write_bytes(damaged)
    is_result = name.startswith(("preds", "scores", "config"))
    assert is_complete(folder) is not is_result
    capsys.readouterr()
    assert train(tiny("no-image"), splits, seed=1, runs=runs) == folder
    assert "complete" in capsys.readouterr().err
    if name != "made_by.json":
        for path in folder.glob("*.json*"):
            if path.name not in ("made_by.json", *([] if is_result else [name])):
                assert path.read_bytes() == wanted[path.name], path.name
    if name == "vocabulary.json":
        with pytest.raises(InputError, match="vocabulary"):
            load_run(folder)


@pytest.fixture(scope="module")
def finished(splits: Splits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that has ended."""
    return train(tiny("no-image"), splits, seed=1, runs=tmp_path_factory.mktemp("finished"))


def test_a_damaged_vocabulary_is_made_anew(splits: Splits, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that can never go on because a small file is damaged that can be made of the data again."""
    folder = train(tiny("no-image"), splits, seed=1, runs=tmp_path)
    path = folder / "vocabulary.json"
    whole = path.read_bytes()
    path.write_bytes(flipped(whole, 8 * len(whole) - 30))
    (folder / "scores.val.json").unlink()
    train(tiny("no-image"), splits, seed=1, runs=tmp_path)
    assert "vocabulary.json" in capsys.readouterr().err
    assert path.read_bytes() == whole


def test_one_training_at_a_time_in_a_folder(splits: Splits, tmp_path: Path) -> None:
    """The same job submitted twice: two processes write one log and one checkpoint."""
    config = tiny("no-image")
    folder = run_folder(tmp_path, config, 1)
    with locked(folder / "training", wait=False), pytest.raises(InputError, match="another process trains in"):
        train(config, splits, seed=1, runs=tmp_path)
    assert not any(folder.iterdir())
    train(config, splits, seed=1, runs=tmp_path)
    assert not any(path.name.startswith(".") for path in folder.iterdir())


def test_a_complete_run_is_left_alone(splits: Splits, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Training twice what is there would waste days, and could change a published score; or a run ends in silence."""
    config = tiny("no-image")
    folder = train(config, splits, seed=1, runs=tmp_path)
    cider = json.loads((folder / "scores.test.json").read_text(encoding="utf-8"))["scores"]["CIDEr"]
    assert capsys.readouterr().err.endswith(f"complete: {folder} (CIDEr on test: {cider:.2f})\n")
    files = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert {"scores.val.json", "scores.test.json", "preds.val.jsonl", "preds.test.jsonl"} <= {p.name for p in files}
    assert train(config, splits, seed=1, runs=tmp_path) == folder
    assert capsys.readouterr().err == f"complete: {folder}\n"
    with pytest.raises(InputError, match=r"other data.*--runs"):  # of another shop, say, by the same command
        train(config, {**splits, "train": splits["val"]}, seed=1, runs=tmp_path)
    assert files == {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_the_command_ends_with_the_scores_of_both_splits(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A training after which one must look for the file that says what it reached; scores of the wrong split."""
    for _ in range(2):  # trained, then found complete
        train_command.main("no-image", [*TINY], data=str(directory), runs=tmp_path)
        lines = [[cell.strip() for cell in line.split("│")] for line in capsys.readouterr().out.splitlines()]
        shown = {cells[1]: (cells[2], cells[4]) for cells in lines if len(cells) > 4}
        [folder] = tmp_path.glob("no-image/*/seed1")
        scores = [json.loads((folder / f"scores.{split}.json").read_text())["scores"] for split in ("val", "test")]
        assert shown == {name: tuple(f"{one[name]:.2f}" for one in scores) for name in scores[0]}


def test_the_command_that_predict_names_scores_what_it_wrote(
    directory: Path, splits: Splits, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command without --data, which scores the captions of one data set on another."""
    folder, output = train(tiny("no-image"), splits, seed=1, runs=tmp_path), tmp_path / "my captions.jsonl"
    predict.main(folder, data=str(directory), split="val", output=output)
    said = re.search(r"score it: python (.*)", capsys.readouterr().out)
    assert said
    scored = subprocess.run(
        [sys.executable, *shlex.split(said[1]), "--json"], capture_output=True, text=True, check=True, timeout=120
    )
    stored = json.loads((folder / "scores.val.json").read_text(encoding="utf-8"))
    assert json.loads(scored.stdout)["scores"] == stored["scores"]


def test_predictions_are_never_written_over_what_they_are_made_of(
    finished: Path, directory: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """-o scores.test.json, or best.safetensors, and the run is gone with exit code 0; -o - writes a file called -."""
    for output in ("scores.test.json", "checkpoint/best.safetensors", "checkpoint/new.jsonl", "config.json"):
        with pytest.raises(InputError, match=r"--output: .* input"):
            predict.main(finished, data=str(directory), split="val", output=finished / output)
    with pytest.raises(InputError, match=r"--output: .* input"):
        predict.main(finished, data=str(directory), split="val", output=directory / "dataset.json")
    predict.main(finished, data=str(directory), split="val", output=Path("-"))
    assert capsysbinary.readouterr().out == (finished / "preds.val.jsonl").read_bytes()
