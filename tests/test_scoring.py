"""The scoring path: slices and aggregates against brute force, and the same bits whatever the circumstances."""

import marshal
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from captions import pairs
from made_split import made_split

import benchmark
from benchmark.metrics import cider
from benchmark.metrics.corpus import Corpus
from benchmark.predictions import write_predictions
from benchmark.scoring import lens
from benchmark.scoring.evaluation import Evaluation, evaluate
from benchmark.scoring.significance import resampled_sums
from benchmark.scoring.slices import cuts


def test_scores_are_in_the_scale_of_the_tables(tmp_path: Path) -> None:
    """References as predictions: BLEU, METEOR, exact match at 100, CIDEr at its ceiling, length in characters."""
    split, _ = made_split(tmp_path)
    evaluation = evaluate(split, split.captions)
    for name in ("BLEU-1", "BLEU-4", "METEOR", "Exact"):
        assert evaluation.scores[name] == pytest.approx(100, abs=1e-6)
    assert evaluation.scores["CIDEr"] == pytest.approx(cider.ceiling(evaluation.corpus) * 100)
    assert evaluation.scores["Length error"] == 0
    assert evaluation.scores["Length"] == pytest.approx(np.mean([len(c) for c in evaluation.corpus.references]))


def test_slices_partition_the_split(tmp_path: Path) -> None:
    """A box in no slice, a slice without a name, an empty one, or an image in another slice than its boxes."""
    split, _ = made_split(tmp_path)
    found = list(cuts(split))
    assert [cut.by for cut in found] == ["category", "boxes per image", "aspect ratio", "position", "caption length"]
    for cut in found:
        assert len(cut.slices) == split.n_boxes, cut.by
        assert (np.unique(cut.slices) == np.arange(len(cut.names))).all(), cut.by
        if cut.image_slices is not None:
            assert (cut.slices == cut.image_slices[split.image_of_box]).all(), cut.by


def test_slice_scores_equal_brute_force(tmp_path: Path) -> None:
    """CIDEr of a slice with the slice's own document frequencies, and BLEU averaged over boxes, are both wrong."""
    split, predictions = made_split(tmp_path)
    evaluation = evaluate(split, predictions)
    segments = cider.segment_scores(evaluation.corpus)
    of_category = evaluation.slice_scores(split)["category"]
    for name, scores in of_category.items():
        boxes = [i for i in range(split.n_boxes) if split.categories[split.image_of_box[i]] == name]
        images = [i for i in range(split.n_images) if split.categories[i] == name]
        alone = Evaluation(
            Corpus.from_captions(
                predictions=[predictions[i] for i in boxes],
                references=[split.captions[i] for i in boxes],
                offsets=np.cumsum([0, *np.diff(split.offsets)[images]]),
            )
        )
        assert scores["boxes"] == len(boxes)
        for same in ("BLEU-1", "BLEU-4", "METEOR", "Div@1", "Div@2", "Exact"):
            assert scores[same] == pytest.approx(alone.scores[same], abs=1e-9), same
        assert scores["CIDEr"] == pytest.approx(np.mean([segments[i] for i in boxes]) * 100)
        assert abs(scores["CIDEr"] - alone.scores["CIDEr"]) > 1e-3


def test_diversity_is_not_printed_for_slices_of_boxes(tmp_path: Path) -> None:
    """Div@n of some boxes of an image is no Div@n."""
    split, predictions = made_split(tmp_path)
    tables = evaluate(split, predictions).slice_scores(split)
    assert all("Div@1" not in scores for scores in tables["position"].values())
    assert all("Div@1" in scores for scores in tables["boxes per image"].values())


def test_aggregate_of_all_images_equals_the_scores(tmp_path: Path) -> None:
    """The bootstrap's path and the headline's path must be the same metric."""
    split, predictions = made_split(tmp_path)
    evaluation = evaluate(split, predictions)
    again = evaluation.aggregate(evaluation.image_statistics.sum(axis=0))
    assert dict(zip(evaluation.names, again, strict=True)) == pytest.approx(evaluation.scores)


def test_intervals_equal_scoring_resampled_images_anew(tmp_path: Path) -> None:
    """Brute force: build the resampled corpus, score it from scratch (CIDEr keeps the split's frequencies)."""
    split, predictions = made_split(tmp_path, 120)
    evaluation = evaluate(split, predictions)
    values = evaluation.aggregate(resampled_sums(evaluation.image_statistics, resamples=3, seed=9))
    generator, n = np.random.PCG64(9), split.n_images
    for row in values:
        drawn = [(int(generator.random_raw()) >> 32) * n >> 32 for _ in range(n)]
        boxes = [b for i in drawn for b in range(split.offsets[i], split.offsets[i + 1])]
        corpus = Corpus.from_captions(
            predictions=[predictions[b] for b in boxes],
            references=[split.captions[b] for b in boxes],
            offsets=np.cumsum([0, *(split.offsets[i + 1] - split.offsets[i] for i in drawn)]),
        )
        expected = Evaluation(corpus, split.aspect_ratios[boxes]).scores
        expected["CIDEr"] = cider.segment_scores(evaluation.corpus)[boxes].mean() * 100
        assert dict(zip(evaluation.names, row, strict=True)) == pytest.approx(expected, abs=1e-4)


def test_intervals_hold_the_score(tmp_path: Path) -> None:
    """Interval and score from different predictions, orders or scales."""
    split, predictions = made_split(tmp_path, 1500)
    evaluation = evaluate(split, predictions)
    for name, (low, high) in evaluation.intervals().items():
        assert low < evaluation.scores[name] < high, name


def test_same_bits_with_any_number_of_threads(tmp_path: Path) -> None:
    """Sums that depend on how BLAS splits them would break `verify` on the next machine."""
    made_split(tmp_path)
    program = (
        "import sys; sys.path.insert(0, sys.argv[2]);"
        "from pathlib import Path; from captions import pairs; from benchmark.dataset import open_split;"
        "from benchmark.scoring.receipt import make_receipt; from benchmark.scoring.evaluation import evaluate;"
        "s = open_split(sys.argv[1], 'test'); print(make_receipt(s, evaluate(s, pairs(400)[0])))"
    )
    command = [sys.executable, "-c", program, str(tmp_path), str(Path(__file__).parent)]
    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    printed = {subprocess.check_output(command, env=os.environ | dict.fromkeys(variables, n)) for n in ("1", "4")}
    assert len(printed) == 1


def test_python_api_scores_images_of_captions() -> None:
    """The API must not take predictions for references: they are keyword-only, and Div@n is per image."""
    evaluation = benchmark.evaluate(predictions=[["温和", "温和"], ["好用"]], references=[["温和", "好"], ["好用啊"]])
    assert evaluation.scores["Div@1"] == pytest.approx((50 + 100) / 2)
    assert evaluation.scores["Exact"] == pytest.approx(100 / 3)
    with pytest.raises(TypeError):
        benchmark.evaluate([["a"]], [["b"]])  # type: ignore[misc]


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        ([["a"]], [["a", "b"]], "image 0 has 1 predictions for 2 boxes"),
        ([["a"]], [["a"], ["b"]], "predictions for 1 images, references for 2"),
        ([], [], "at least one box"),
        ([[]], [[]], "at least one box"),
    ],
)
def test_python_api_refuses_what_does_not_fit(
    predictions: list[list[str]], references: list[list[str]], message: str
) -> None:
    """A silent zip would score the wrong boxes against each other."""
    with pytest.raises(ValueError, match=message):
        benchmark.evaluate(predictions=predictions, references=references)


class _Text(str):
    """A string of another library, as numpy's are."""


@pytest.mark.parametrize("outer", [list, tuple, np.array])
def test_python_api_takes_lists_of_all_kinds(outer: Callable[[list[list[str]]], Any]) -> None:
    """Columns of numpy and pandas hold the same captions as lists."""
    wanted = benchmark.evaluate(predictions=[["温和", "好"]], references=[["温和", "好用"]]).scores
    predictions, references = outer([[_Text("温和"), "好"]]), outer([["温和", "好用"]])
    assert benchmark.evaluate(predictions=predictions, references=references).scores == wanted


GOOD: Any = [["温和", "好"], ["用"]]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"a": ["温和", "好"], "b": ["用"]}, r"got \{.*\(dict\).*evaluate_by_id"),
        ("温和", "got '温和' \\(str\\).*list with the captions of each image"),
        (b"a", "bytes"),
        (None, "got None"),
        (3, "int"),
        ({"a", "b"}, "set"),
        ((image for image in GOOD), "generator"),
        (["温和", "用"], "image 0: got '温和' .*one caption per box"),
        ([b"ab", ["c"]], "image 0: got b'ab'"),
        ([{"温": 1, "和": 2}, ["用"]], "image 0: got .*dict"),
        ([None, ["用"]], "image 0: got None"),
        ([["温和", "好"], [None]], "image 1, box 0: got None"),
        ([["温和", float("nan")], ["用"]], "image 0, box 1: got nan .*float"),
        ([["温和", b"a"], ["用"]], "image 0, box 1: got b'a'"),
        ([["温和", ["好"]], ["用"]], r"image 0, box 1: got \['好'\]"),
        ([["温和", 3], ["用"]], "image 0, box 1: got 3"),
    ],
)
@pytest.mark.parametrize("side", ["predictions", "references"])
def test_python_api_names_what_is_no_caption(bad: Any, words: str, side: str) -> None:
    """Keys of a dict and characters of a text have been scored as captions: Exact 100 for anything."""
    given = {"predictions": GOOD, "references": GOOD} | {side: bad}
    with pytest.raises(TypeError, match=f"^{side}: .*{words}"):
        benchmark.evaluate(**given)


def test_python_api_takes_dicts_by_id() -> None:
    """As pycocoevalcap is called: the order of the dicts must not pair an image with another one's captions."""
    references = {"x": ["温和", "好用"], "y": ["护眼"]}
    predictions = {"y": ["护眼"], "x": ["温和", "好"]}
    scores = benchmark.evaluate_by_id(predictions=predictions, references=references).scores
    wanted = benchmark.evaluate(predictions=[["温和", "好"], ["护眼"]], references=[["温和", "好用"], ["护眼"]])
    assert scores == wanted.scores


@pytest.mark.parametrize(
    ("predictions", "references", "error", "words"),
    [
        ({"x": ["好"]}, {"x": ["好"], "y": ["用"]}, ValueError, "no predictions for 1 of the images, such as 'y'"),
        ({"x": ["好"], 2: ["好"]}, {"x": ["好"]}, ValueError, "no references for 1 of the images, such as 2"),
        ({"x": ["好"]}, {"x": ["好", "用"]}, ValueError, "image x has 1 predictions for 2 boxes.*one reference"),
        ({"x": "好"}, {"x": ["好"]}, TypeError, "predictions: image x: got '好'"),
        ({"x": ["好"]}, {"x": [None]}, TypeError, "references: image x, box 0: got None"),
        ([["好"]], {"x": ["好"]}, TypeError, "predictions: got .*expected a dict"),
        ({}, {}, ValueError, "at least one box"),
    ],
)
def test_python_api_refuses_dicts_that_do_not_fit(
    predictions: Any, references: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        benchmark.evaluate_by_id(predictions=predictions, references=references)


def test_python_api_names_wrong_arguments(tmp_path: Path) -> None:
    """Captions where a file is expected, a file where a folder is: a sentence, not an error from deep inside."""
    split, predictions = made_split(tmp_path)
    with pytest.raises(TypeError, match=r"predictions: got .*expected the path of a file; `evaluate` takes captions"):
        benchmark.evaluate_file([["好"]], data=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="data: got 3"):
        benchmark.open_split(3, "test")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="split: got None"):
        benchmark.open_split(tmp_path, None)  # type: ignore[arg-type]
    for wrong in (dict.fromkeys(range(split.n_boxes)), "好" * split.n_boxes):
        with pytest.raises(TypeError, match="captions: got"):
            write_predictions(tmp_path / "preds.jsonl", split, wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="predictions: got"):
            evaluate(split, wrong)  # type: ignore[arg-type]
    write_predictions(str(tmp_path / "preds.jsonl"), split, predictions)
    assert benchmark.evaluate_file(str(tmp_path / "preds.jsonl"), data=str(tmp_path)).scores


def test_empty_captions_score_as_empty(tmp_path: Path) -> None:
    """A system that says nothing scores 0 everywhere, without a warning or NaN."""
    split, _ = made_split(tmp_path)
    scores = evaluate(split, [""] * split.n_boxes).scores
    assert scores["BLEU-4"] == pytest.approx(0, abs=1e-9)
    assert scores["METEOR"] == scores["CIDEr"] == scores["Div@1"] == scores["Length"] == 0


def test_segments_average_to_the_scores() -> None:
    """Per-box scores in another scale or order than the corpus value."""
    predictions, references = pairs(300)
    evaluation = Evaluation(Corpus.from_captions(predictions=predictions, references=references))
    segments = evaluation.segments()
    assert segments["cider"].mean() == pytest.approx(evaluation.scores["CIDEr"])
    assert segments["exact"].mean() * 100 == pytest.approx(evaluation.scores["Exact"])
    assert all(len(values) == 300 for values in segments.values())


def test_words_depend_on_the_captions_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dictionary that somebody has put into the temporary folder, of code that may do anything: other numbers."""
    pytest.importorskip("jieba")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "jieba.cache").write_bytes(marshal.dumps(({"温和": 0, "不": 1}, 1)))
    words = lens._jieba()
    assert words is not None
    assert words("温和 不刺激") == ["温和", "不", "刺激"]
    assert [path.name for path in tmp_path.iterdir()] == ["jieba.cache"]
