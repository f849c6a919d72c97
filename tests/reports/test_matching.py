"""Accuracy of Caption Matching by level."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_runs import prepared, tiny

from benchmark.dataset import open_split
from benchmark.dataset.store import Split
from reference_model.model import ReferenceModel
from reference_model.run_folder import load_run
from reference_model.training.inputs import PreparedSplit
from reference_model.training.vocabulary import Vocabulary
from reports.matching import accuracy


def test_a_model_that_always_says_yes(splits: dict[str, Split], vocabulary: Vocabulary) -> None:
    """Labels the wrong way round, or levels that are counted together."""
    config = tiny("full")
    model = ReferenceModel(config, len(vocabulary)).eval()
    assert model.matching_head is not None
    with torch.no_grad():
        model.matching_head.bias.fill_(100.0)
    data = prepared(splits["val"], config, vocabulary)
    assert accuracy(model, data, config) == [1, 0, 0, 0]
    with torch.no_grad():
        model.matching_head.bias.fill_(-100.0)
    assert accuracy(model, data, config) == [0, 1, 1, 1]


@pytest.mark.slow
def test_easy_levels_are_told_apart_before_hard_ones(tmp_path: Path) -> None:
    """Negatives of the wrong level, or a head that reads the wrong state: about six minutes of training on mini.

    Three fifths of the pairs are negatives, so a head that has learned nothing is right in 60 % by saying no.
    """
    settings = ["cm.share=0.5", "cm.strategy=fixed", "train.pretrain_updates=3000", "train.finetune_updates=0"]
    command = [sys.executable, "-m", "reference_model.train", "full", "--data", "mini", "--runs", str(tmp_path)]
    subprocess.run([*command, *settings], check=True, stdout=subprocess.DEVNULL)
    (folder,) = tmp_path.glob("full/*/seed1")
    config, model, vocabulary = load_run(folder)
    assert isinstance(model, ReferenceModel)
    data = PreparedSplit(open_split("mini", "val"), config.inputs, vocabulary, seed=1, keep_images=True)
    true, another_image, another_box, nearest = accuracy(model, data, config)
    assert true > 0.8
    assert another_image > another_box > nearest > 0.6
