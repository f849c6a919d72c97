"""`python -m reference_model.train`: trains a variant, then predicts and scores val and test.

Under torchrun the same command trains on many devices:

    torchrun --nproc-per-node 8 -m reference_model.train full --profile paper --data data/caponimage2m
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from benchmark import cli
from benchmark.dataset import open_dataset
from benchmark.dataset.schema import EVALUATED_SPLITS
from benchmark.dataset.store import Split
from benchmark.errors import DamagedError, InputError, Interrupted
from benchmark.files import replace_when_complete
from benchmark.locks import locked
from reference_model.config import Config
from reference_model.registry import PRESET_HELP, PROFILE_HELP, configured, network, networks

if TYPE_CHECKING:  # torch takes seconds to import, and --help needs none
    from reference_model.training.distributed import World
    from reference_model.training.inputs import PreparedSplit
    from reference_model.training.vocabulary import Vocabulary


def main(
    variant: Annotated[
        str | None, typer.Argument(help="Variant to train; without one, all variants are listed.")
    ] = None,
    overrides: Annotated[list[str] | None, typer.Argument(help="Settings, such as `model.layers=4`.")] = None,
    profile: Annotated[str, typer.Option(help=PROFILE_HELP)] = "mini",
    preset: Annotated[str, typer.Option(help=PRESET_HELP)] = "paper",
    data: cli.Data = None,
    seed: Annotated[
        int, typer.Option(help="Random seed for initialisation, data order, dropout and negatives.", min=1)
    ] = 1,
    runs: Annotated[Path, typer.Option(help="Folder in which run folders are kept.")] = Path("runs"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan: updates, parameters, memory, time.")
    ] = False,
    settings: Annotated[bool, typer.Option("--settings", help="Print every setting of the variant.")] = False,
) -> None:
    """Train a variant of a network; a run that was interrupted goes on, one that is complete is left alone.

    Examples::

        python -m reference_model.train                                  # what there is
        python -m reference_model.train context                          # minutes on one core, embedded data
        python -m reference_model.train full --seed 2 cm.strategy=fixed
        python -m reference_model.train full --profile paper --dry-run
        torchrun --nproc-per-node 8 -m reference_model.train full --profile paper --data DIR
    """
    if variant is None:
        cli.stdout.print(_variants())
        return
    config = configured(variant, profile, preset, overrides)
    if settings:
        from reference_model.config import paths, to_dict

        content = to_dict(config)
        for path in paths(config):
            value = content
            for part in path.split("."):
                value = value[part]
            cli.say(f"{path}={','.join(map(str, value)) if isinstance(value, list) else value}")
        return
    splits = open_dataset(data)
    if dry_run:
        from reference_model.dry_run import plan_table

        plan_table(config, splits).show(cli.stdout)
        return
    folder = train(config, splits, seed=seed, runs=runs)
    if os.environ.get("RANK", "0") == "0":
        _show_scores(folder)


def _show_scores(folder: Path) -> None:
    """Print the scores of a complete run on each split that it was scored on."""
    from benchmark.scoring.tables import splits_grid
    from reference_model.run_folder import read_json

    paths = [folder / f"scores.{split}.json" for split in EVALUATED_SPLITS]
    if receipts := [read_json(path) for path in paths if path.is_file()]:
        splits_grid(receipts).show(cli.stdout)


def _variants() -> Table:
    table = Table("variant", "what it is", title="variants (python -m reference_model.train VARIANT)")
    for each in networks().values():
        for name, (meaning, _) in each.variants.items():
            table.add_row(name, meaning)
        table.add_section()
    return table


def train(config: Config, splits: dict[str, Split], *, seed: int, runs: Path) -> Path:
    """Train, predict and score a run, and return its folder.

    Args:
        config: configuration of the run.
        splits: the data set's `train`, and `val` and `test` if it has them.
        seed: random seed for initialisation, data order, dropout and negatives.
        runs: folder in which run folders are kept.

    Raises:
        Interrupted: if a signal asked to stop; everything is saved then, and the same call goes on.
        InputError: if another process trains in the folder, or its files are damaged, of another run or of other data.
    """
    from reference_model.run_folder import check_data, is_complete, made_by, run_folder
    from reference_model.training.distributed import join_world

    folder, version = run_folder(runs, config, seed), network(config.system).version
    if not is_complete(folder):
        with join_world() as world, _alone(folder, world):
            if not is_complete(folder):  # another training may have ended meanwhile
                _train(config, splits, seed, folder, world)
                return folder
    check_data(folder, splits["train"])
    made = made_by(folder).get("version", "unknown")
    other = f" (made by version {made} of {config.system}, which now has version {version})"
    cli.note(f"complete: {folder}{other if made != version else ''}")
    return folder


@contextmanager
def _alone(folder: Path, world: "World") -> Iterator[None]:
    """Keep other trainings out of a folder; one that is started there while this one runs is refused.

    It is another lock than the one of `reports.runs.runner`, which holds that while this process trains.
    """
    with locked(folder / "training", wait=False) if world.is_main else nullcontext(0) as lock:
        if lock is None:
            raise InputError(f"another process trains in {folder}; wait until it has ended, then run this again")
        world.barrier()
        yield


def _train(config: Config, splits: dict[str, Split], seed: int, folder: Path, world: "World") -> None:
    import torch

    from reference_model.backbone import given_weights_sha256
    from reference_model.precision import kernels
    from reference_model.processor import this_processor
    from reference_model.run_folder import (
        build_model,
        check_results,
        load_run,
        note_results,
        note_training,
        read_json,
        write_config,
    )
    from reference_model.training.checkpoint import find_checkpoint
    from reference_model.training.evaluation import predict_and_score
    from reference_model.training.inputs import PreparedSplit
    from reference_model.training.trainer import Trainer
    from reference_model.training.vocabulary import Vocabulary

    split = splits["train"]
    if world.is_main:
        fingerprint = split.fingerprint.hexdigest()
        belongs = {"config": config.hash, "seed": seed, "data": fingerprint}
        saved = find_checkpoint(folder / "checkpoint" / "last.safetensors", belongs)
        write_config(folder, config, seed, split.dataset, fingerprint)
        weights = given_weights_sha256(config.model.backbone_weights)
        note_training(folder, network(config.system).version, this_processor(world.device), weights)
        _write_vocabulary(folder, config, split, saved.state.get("vocabulary") if saved else None)
    world.barrier()
    vocabulary = Vocabulary.load(folder / "vocabulary.json")
    # Of several processes one prepares, under the lock of the cache, and the others wait for that lock without a limit.
    prepared: dict[str, PreparedSplit] = {
        name: PreparedSplit(splits[name], config.inputs, vocabulary, seed=seed, keep_images=config.keeps_pictures)
        for name in ("train", "val")
        if name in splits
    }
    torch.manual_seed(seed)
    model = build_model(config, len(vocabulary)).to(world.device)
    with kernels(config.train):
        _prepare(model, config, prepared, vocabulary, seed, folder, world)
    trainer = Trainer(
        model,
        config,
        seed=seed,
        data=prepared["train"],
        validation=prepared.get("val"),
        vocabulary=vocabulary,
        folder=folder,
        world=world,
    )
    trainer.train()
    if world.is_main:
        _, best, _ = load_run(folder)
        best = best.to(world.device)
        reached = ""
        for name in EVALUATED_SPLITS:
            if name in splits:
                try:
                    check_results(folder, name)
                    receipt = read_json(folder / f"scores.{name}.json")
                except (FileNotFoundError, DamagedError):
                    receipt = predict_and_score(best, config, vocabulary, splits[name], folder, seed=seed)
                reached = f" (CIDEr on {name}: {receipt['scores']['CIDEr']:.2f})" if name == "test" else ""
        note_results(folder)
        cli.note(f"complete: {folder}{reached}")
    world.barrier()


def _write_vocabulary(folder: Path, config: Config, train: Split, sha256: str | None) -> None:
    """Make sure that a run's `vocabulary.json` is there and whole.

    Args:
        folder: folder of the run.
        config: configuration of the run.
        train: training split, of which the vocabulary is made.
        sha256: digest of the vocabulary of the checkpoint that the run goes on from; None if it has not begun.
    """
    from reference_model.training.vocabulary import Vocabulary

    path, why = folder / "vocabulary.json", ""
    if sha256:
        try:
            if Vocabulary.load(path).sha256 == sha256:
                return
            why = f"{path}: was damaged or changed after it was written"
        except InputError as error:
            why = error.problems[0]
        cli.note(f"warning: {why}; making it anew")
    Vocabulary.of_split(train, config.inputs.vocabulary).save(path)


def _prepare(
    model: Any,
    config: Config,
    splits: "dict[str, PreparedSplit]",
    vocabulary: "Vocabulary",
    seed: int,
    folder: Path,
    world: "World",
) -> None:
    """Call the network's `prepare` for a run that has not begun, and note its result in `prepared.json`.

    Every process calls it at once; what takes long is an entry of the cache, which one makes while the others wait.
    """
    from reference_model.run_folder import has_checkpoint

    prepare, note = network(config.system).prepare, folder / "prepared.json"
    begun = note.exists() and has_checkpoint(folder)
    world.barrier()  # all have looked before one writes the note
    if not prepare or begun:
        return
    content = resolve_name(prepare)(model, config, splits, vocabulary, seed)
    if world.is_main:
        with replace_when_complete(note) as partial:
            partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _entry() -> None:
    try:
        cli.run(main)
    except Interrupted as stop:
        cli.note(str(stop))
        sys.exit(128 + stop.signal)


if __name__ == "__main__":
    _entry()
