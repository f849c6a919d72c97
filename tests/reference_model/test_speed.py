"""The comparison of speeds compares like with like. Nothing here depends on how fast the machine is."""

import time

import pytest
import torch
from tiny_runs import tiny
from typer.testing import CliRunner

from reference_model.batch import EOS, PAD, SOS, Batch
from reference_model.config import Config
from reference_model.measure import count_flops
from reference_model.naive import naive_loss, one_box_of_each
from reference_model.speed import Works, comparison, random_batch

VOCABULARY_SIZE = 60


@pytest.fixture(scope="module")
def works() -> Works:
    return Works.of(tiny("context", "model.freeze_backbone=false"), VOCABULARY_SIZE)


def test_both_forms_have_the_same_loss_and_gradients(works: Works) -> None:
    """A naive form that computes something else, or leaves a part out, would be no yardstick."""
    gradients = []
    for train in (works.train, works.train_naively):
        train()
        gradients.append(torch.cat([p.grad.flatten() for p in works.model.parameters() if p.grad is not None]))
    assert torch.allclose(gradients[0], gradients[1], rtol=1e-3, atol=1e-5)
    with torch.no_grad():
        ours, naive = works.model.loss(works.ours), naive_loss(works.model, works.naive)
        pieces = sum(naive_loss(works.model, piece) for piece in one_box_of_each(works.naive, 8))
    assert ours.item() == pytest.approx(naive.item(), rel=1e-5)
    assert ours.item() == pytest.approx(float(pieces), rel=1e-5)


def test_batch_statistics_are_the_same(works: Works) -> None:
    """Each piece of the naive form holds every image once, so batch norm sees what it sees in ours."""
    assert works.ours.images is not None
    for piece in one_box_of_each(works.naive, 8):
        assert torch.equal(piece.images, works.ours.images)


def test_both_forms_write_the_same_captions() -> None:
    """A naive decoder with a stale cache would be fast, or slow, at something else."""
    works = Works.of(tiny("context", "model.freeze_backbone=false"), VOCABULARY_SIZE)
    with torch.no_grad():  # so that captions differ, and some end early
        for parameter in works.model.transformer.layers.parameters():
            parameter.mul_(3 if parameter.dim() == 2 else 1)
        works.model.output_bias[EOS] = 2
    captions = works.write()
    assert works.write_naively() == captions
    assert len(set(map(tuple, captions))) > 20
    assert len({len(caption) for caption in captions}) > 5


def test_the_naive_form_takes_more_arithmetic(works: Works) -> None:
    """The counter must see both forms whole: five CNN passes per image against one, and the padding."""
    assert count_flops(works.train_naively) > 1.5 * count_flops(works.train)
    cnn = count_flops(lambda: works.cnn(backward=True))
    naive_cnn = 5 * cnn
    assert count_flops(works.train_naively) - naive_cnn > count_flops(works.train) - cnn


def test_the_last_layer_is_counted_for_captions_only() -> None:
    """Arithmetic saved in fact, not only in time; one layer, whose prefix needs keys and values alone."""
    whole = Works.of(tiny("no-image", "model.layers=1"), VOCABULARY_SIZE)
    tokens = 1 + 35 + whole.ours.captions.shape[1] - 1
    d, hidden = 32, 48
    everything = 40 * tokens * (4 * d * d + 2 * d * hidden) * 2 * 3
    assert count_flops(whole.train) < 0.6 * everything


def test_random_batches_are_what_they_say() -> None:
    """Captions of 5 characters on average between [SOS] and [EOS], the longest always among them."""
    for images in (1, 8):
        batch: Batch = random_batch(tiny("context"), VOCABULARY_SIZE, images=images)
        rows = [[c for c in row if c != PAD] for row in batch.captions.tolist()]
        assert all(row[0] == SOS and row[-1] == EOS and not {SOS, EOS} & set(row[1:-1]) for row in rows)
        lengths = [len(row) - 2 for row in rows]
        assert (min(lengths), max(lengths)) == (2, 8)
        assert sum(lengths) / len(lengths) == 5
        assert batch.normaliser == (batch.captions[:, 1:] != PAD).sum()
        assert batch.info.shape == (images, 35)


def test_tables() -> None:
    """Every row that the issue asks for, and nothing measured called counted."""
    config: Config = tiny("context")
    times, machine = comparison(config, VOCABULARY_SIZE, 1, time.perf_counter, 1e11)
    assert [row[0] for row in times.texts()] == ["forward + backward", "greedy decoding"]
    assert all(len(row) == len(times.columns) for row in times.texts())
    known = {row[0]: row[2] for row in machine.texts()}
    assert known["tokens"] == known["CNN : the rest, forward + backward"] == "measured"
    assert known["arithmetic per caption, ours"] == "counted"
    assert known["share of the matrix product's"] == "counted / measured"
    assert known["bf16 autocast, greedy decoding"] == "measured"


@pytest.mark.parametrize("arguments", [["--size", "huge"], ["--clock", "sun"]])
def test_wrong_options(arguments: list[str]) -> None:
    """Said before minutes of measuring, not after."""
    import typer

    from reference_model.speed import main

    app = typer.Typer()
    app.command()(main)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code != 0
    assert "expected" in str(result.exception)
