"""The human study: blind pages, answers of raters, and the table they give."""

import json
import math
import re
import subprocess
import sys
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.agreement import krippendorff_alpha
from benchmark.dataset.description import write_description
from benchmark.dataset.schema import AnnotationRow
from benchmark.dataset.store import Split, SplitWriter, open_directory
from benchmark.errors import InputError
from benchmark.predictions import write_predictions
from benchmark.preferences.measures import majority
from reports.human_study.answers import Ratings, read_answers, simulate
from reports.human_study.results import tables
from reports.human_study.study import CHOICES, QUESTIONS, Key, make

NAMES = ("zzbaseline", "zzfullmodel")
HOSTILE = "</script><script>alert('x')</script>\"><img src=x onerror=alert(1)>{{ 7*7 }}"


@pytest.fixture(scope="module")
def split(splits: dict[str, Split]) -> Split:
    return splits["test"]


@pytest.fixture(scope="module")
def systems(split: Split) -> list[list[str]]:
    return [["柔软"] * split.n_boxes, split.captions]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, split: Split, systems: list[list[str]]) -> Path:
    folder = tmp_path_factory.mktemp("human") / "study"
    make(split, systems, NAMES, folder, images=10, raters=5)
    return folder


def large_key(n_images: int = 400, raters: int = 5) -> Key:
    """A key without pictures; A and B change sides from image to image and from rater to rater."""
    return Key(
        "0123",
        ("base", "full"),
        {"name": "made", "split": "test", "synthetic": True, "seed": 1},
        [f"image{i}" for i in range(n_images)],
        [f"item{i}" for i in range(n_images)],
        {f"rater-{r + 1}": [(i + r) % 2 for i in range(n_images)] for r in range(raters)},
    )


def shares(key: Key, votes: np.ndarray) -> list[float]:
    return (majority(votes).sum(axis=0) / len(key.images)).tolist()


# Agreement


def test_krippendorffs_published_example() -> None:
    """Alpha of another kind, or missing ratings counted: Krippendorff (2011), section C, prints 0.743."""
    rows = ["12332141 2...", "12332241 25.3", ".3332342 251.", "12332441 251."]
    ratings = np.array([[np.nan if c == "." else float(c) for c in row.replace(" ", "")] for row in rows])
    assert ratings.shape == (4, 12)
    assert krippendorff_alpha(ratings) == pytest.approx(0.743, abs=0.0005)


def test_krippendorffs_example_of_two_raters() -> None:
    """The n - 1 of small samples forgotten: Krippendorff (2011), section A, binary data, prints 0.095."""
    ratings = np.array([list(map(float, row)) for row in ("0100000010", "1110010000")])
    assert krippendorff_alpha(ratings) == pytest.approx(0.095, abs=0.0005)


def test_alpha_where_it_is_not_defined() -> None:
    """A division by zero, or 1.000 printed for raters who never had a choice."""
    assert math.isnan(krippendorff_alpha(np.full((3, 4), np.nan)))
    assert math.isnan(krippendorff_alpha(np.ones((3, 4))))
    assert krippendorff_alpha(np.array([[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]])) == 1


def test_majority_by_hand() -> None:
    """A tie won by somebody, or an image without answers counted as indistinguishable."""
    nan = np.nan
    images = [
        [1, 1, -1, 0, 1],
        [1, 1, -1, -1, 0],
        [0, 0, 0, 1, -1],
        [-1, -1, 0, nan, nan],
        [nan] * 5,
        [1, 0, nan, nan, nan],
    ]
    outcome = {(1, 0, 0): "a", (0, 1, 0): "b", (0, 0, 1): "same", (0, 0, 0): ""}
    found = [outcome[tuple(row)] for row in majority(np.array(images, dtype=float).T).astype(int).tolist()]
    assert found == ["b", "same", "same", "a", "", "same"]


# Pages


def test_pages_are_blind_and_need_no_network(study: Path) -> None:
    """A rater who can tell the systems, or an image, from what they were given; a page that does not work from disk."""
    key = Key.read(study)
    pages = study / "pages"
    names = {path.relative_to(pages).as_posix() for path in pages.rglob("*") if path.is_file()}
    assert {name for name in names if "/" not in name} == {f"rater-{n}.html" for n in range(1, 6)} | {"chinese.woff"}
    assert len(names) == 5 + 1 + 2 * 10
    for path in sorted(pages.rglob("*")):
        if path.is_file():
            content = path.read_bytes() + path.name.encode()
            for word in (*NAMES, "key.json", *key.images):
                assert word.encode() not in content
    for page in pages.glob("*.html"):
        html = page.read_text(encoding="utf-8")
        assert not re.search(r"https?:|//[a-z]+\.|url\(|@import", html.replace('url("chinese.woff")', ""))
        assert {f"images/{name}" for name in re.findall(r'src="images/([^"]+)"', html)} <= names
        assert len(re.findall("<form ", html)) == 10


def test_sides_and_order_differ_between_raters(study: Path) -> None:
    """All raters seeing system A on the left, or the same images when they are tired."""
    key = Key.read(study)
    assert all(sum(sides) == 5 for sides in key.raters.values())
    assert len({tuple(sides) for sides in key.raters.values()}) > 1
    pages = [(study / "pages" / f"{rater}.html").read_text(encoding="utf-8") for rater in key.raters]
    orders = [re.findall(r'data-item="([^"]+)"', page) for page in pages]
    assert len({tuple(order) for order in orders}) == 5
    assert all(set(order) == set(key.items) for order in orders)


def test_the_key_tells_the_sides(tmp_path: Path, split: Split) -> None:
    """A key that has the systems the wrong way round: every win would go to the other one.

    System A leaves all boxes empty, so that its picture, with no text, is the smaller file.
    """
    key = make(
        split, [[""] * split.n_boxes, ["柔软亲肤不伤手"] * split.n_boxes], NAMES, tmp_path / "s", images=8, raters=2
    )
    for rater, sides in key.raters.items():
        html = (tmp_path / "s" / "pages" / f"{rater}.html").read_text(encoding="utf-8")
        for item, b_left in zip(key.items, sides, strict=True):
            form = html.split(f'data-item="{item}"')[1].split("</form>")[0]
            left, right = (
                (tmp_path / "s" / "pages" / name).stat().st_size for name in re.findall(r'src="([^"]+)"', form)
            )
            assert (left > right) == bool(b_left)


def test_the_same_arguments_give_the_same_study(
    tmp_path: Path, split: Split, systems: list[list[str]], study: Path
) -> None:
    """A study that cannot be made again; and another seed that draws the same."""
    again = make(split, systems, NAMES, tmp_path / "again", images=10, raters=5)
    assert again == Key.read(study)
    assert (tmp_path / "again/pages/rater-2.html").read_bytes() == (study / "pages/rater-2.html").read_bytes()
    other = make(split, systems, NAMES, tmp_path / "other", images=10, raters=5, seed=2)
    assert other.study != again.study
    assert other.images != again.images


def test_hostile_text_is_escaped(tmp_path: Path, split: Split) -> None:
    """A title or a caption that runs as a script in the browser of a rater."""
    with SplitWriter(tmp_path / "data", "test") as writer:
        row: AnnotationRow = next(split.rows())
        writer.append(row | {"title": HOSTILE, "attributes": HOSTILE})
    write_description(tmp_path / "data", name="made", synthetic=True, splits={"test": writer.summary()})
    (tmp_path / "data" / "images").symlink_to(split.directory / "images")
    hostile = open_directory(tmp_path / "data")["test"]
    make(
        hostile, [[HOSTILE] * hostile.n_boxes, ["\ud800"] * hostile.n_boxes], NAMES, tmp_path / "s", images=1, raters=1
    )
    html = (tmp_path / "s/pages/rater-1.html").read_text(encoding="utf-8")
    assert HOSTILE not in html
    assert html.count("<script>") == html.count("</script>") == 1
    assert "<img src=x" not in html
    assert escape(HOSTILE).replace("&quot;", "&#34;").replace("&#x27;", "&#39;") in html


# From answers to the table


@pytest.mark.parametrize(("win", "same"), [(0.65, 0.1), (0.2, 0.0), (1.0, 0.0)])
def test_raters_without_errors_give_the_planted_rates(tmp_path: Path, win: float, same: float) -> None:
    """Sides not undone, or undone twice: the systems would come out equal, or the wrong way round."""
    key = large_key()
    paths = simulate(key, tmp_path, agree=1, win=win, same=same)
    ratings = read_answers(key, paths)
    for votes in ratings.votes.values():
        assert shares(key, votes) == pytest.approx([1 - win - same, win, same])
        if win < 1:
            assert krippendorff_alpha(votes) == 1


def test_raters_with_errors_give_about_the_planted_rates(tmp_path: Path) -> None:
    """A simulation that does not do what it states.

    Of five raters who are right with 0.8, three or more are on 94 % of the images; on all ratings, 80 % are right.
    """
    key = large_key()
    ratings = read_answers(key, simulate(key, tmp_path, agree=0.8, win=0.65, same=0.0))
    for votes in ratings.votes.values():
        assert shares(key, votes)[1] == pytest.approx(0.65, abs=0.05)
        assert (votes == 1).mean() == pytest.approx(0.65 * 0.8 + 0.35 * 0.1, abs=0.03)


def test_artificial_raters_are_called_so(tmp_path: Path, study: Path) -> None:
    """Random numbers taken for the judgement of people."""
    key = Key.read(study)
    paths = simulate(key, tmp_path, agree=0.8, win=0.6, same=0.1)
    assert all("artificial" in path.name and json.loads(path.read_text())["artificial"] for path in paths)
    text = "\n".join(grid.markdown() for grid in tables(key, read_answers(key, paths)))
    assert text.count("ARTIFICIAL RATERS") == 2
    assert "artificial raters: Spearman" in text
    assert "zzfullmodel wins (%)" in text
    assert "CIDEr" in text


def test_metrics_are_b_minus_a(study: Path) -> None:
    """Correlations of the wrong sign: here B is the references themselves and must lead on every image."""
    key = Key.read(study)
    assert all(value is not None and value > 0 for value in key.metrics["CIDEr"])
    assert set(key.metrics["Exact"]) == {100.0}


def test_correlations_find_planted_votes() -> None:
    """A metric that decides the votes not told from one that has nothing to do with them, or a sign lost."""
    key = large_key(200)
    random = np.random.default_rng(0)
    better = random.normal(size=200)
    key.metrics.update(CIDEr=better.tolist(), Exact=[None, *random.normal(size=199).tolist()])
    liked, disliked = np.sign(better)[None].repeat(5, axis=0), -np.sign(better)[None].repeat(5, axis=0)
    votes = dict(zip(QUESTIONS, (liked, disliked, random.integers(-1, 2, (5, 200)).astype(float)), strict=True))
    grid = tables(key, Ratings(list(key.raters), False, votes, []))[-1]
    rows = {name: [float(cell) for cell in cells] for name, *cells in grid.texts()}
    assert rows["CIDEr"][0] > 0.8
    assert rows["CIDEr"][1] == -rows["CIDEr"][0]
    assert max(abs(value) for value in (rows["CIDEr"][2], *rows["Exact"])) < 0.25


def answers(key: Key, rater: str = "rater-1", **changes: Any) -> dict[str, Any]:
    given = {item: dict.fromkeys(QUESTIONS, "left") for item in key.items}
    content = {"format": "caponimage-human-study/1", "study": key.study, "rater": rater, "artificial": False}
    return content | {"answers": given} | changes


def stored(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    """One problem a sitting, while the raters wait; or a wrong file silently counted."""
    key = large_key(2)
    unknown = {"item9": {}, "item0": {"beauty": "left", "relevance": "up"}, "item1": ["left"]}
    paths = [
        stored(tmp_path / "1.json", "{"),
        stored(tmp_path / "2.json", answers(key, study="ffff")),
        stored(tmp_path / "3.json", answers(key, rater="rater-9")),
        stored(tmp_path / "4.json", answers(key, answers=unknown)),
        stored(tmp_path / "5.json", answers(key)),
        stored(tmp_path / "6.json", answers(key, answers={})),
        stored(tmp_path / "7.json", answers(key, "rater-2", artificial=True)),
        stored(tmp_path / "8.json", [1]),
        stored(tmp_path / "9.json", answers(key, answers=None)),
        tmp_path / "missing.json",
    ]
    with pytest.raises(InputError) as refusal:
        read_answers(key, paths)
    problems = list(refusal.value.problems)
    for words in (
        "1.json: not JSON",
        "2.json: study: got 'ffff'",
        "3.json: rater: got 'rater-9'",
        "4.json: answers: no item 'item9'",
        "4.json: item 'item0': no question 'beauty'",
        "4.json: item 'item0', relevance: got 'up'",
        "4.json: item 'item1': got ['left']",
        "6.json: answers of rater-1 differ from those in",
        "7.json) are never mixed",
        "8.json: format is not",
        "9.json: answers: got None",
        "missing.json: No such file",
    ):
        assert sum(words in problem for problem in problems) == 1, words
    assert len(problems) == 12


def test_partial_and_repeated_files(tmp_path: Path) -> None:
    """A rater who stopped early thrown away, or one who sent the file twice counted twice."""
    key = large_key(4, raters=3)
    some = {"item0": dict.fromkeys(QUESTIONS, "left"), "item2": {"relevance": "same"}}
    paths = [
        stored(tmp_path / "one.json", answers(key)),
        stored(tmp_path / "again.json", answers(key)),
        stored(tmp_path / "some.json", answers(key, "rater-2", answers=some)),
    ]
    ratings = read_answers(key, paths)
    assert ratings.raters == ["rater-1", "rater-2"]
    assert ratings.dropped == [paths[1]]
    np.testing.assert_array_equal(ratings.votes["relevance"], [[-1, 1, -1, 1], [1, np.nan, 0, np.nan]])
    np.testing.assert_array_equal(ratings.votes["diversity"][1], [1, np.nan, np.nan, np.nan])
    notes = " ".join(note for grid in tables(key, ratings) for note in grid.notes)
    assert "unfinished, used as far as answered: rater-2" in notes
    assert "no answers from rater-3" in notes
    assert "again.json repeats another file" in notes


def test_no_answers_at_all_are_a_table_of_dashes(tmp_path: Path) -> None:
    """A warning or a traceback for a file that was exported before the first answer."""
    key = large_key(3)
    grids = tables(key, read_answers(key, [stored(tmp_path / "empty.json", answers(key, answers={}))]))
    assert grids[0].texts()[0][1] == "- [-, -]"


# The command line


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reports.human_study", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_from_predictions_to_the_table(tmp_path: Path, split: Split, systems: list[list[str]]) -> None:
    """The whole way as a stranger would type it."""
    a, b = tmp_path / "base.jsonl", tmp_path / "full.jsonl"
    write_predictions(a, split, systems[0])
    write_predictions(b, split, systems[1])
    study, sent = tmp_path / "study", tmp_path / "answers"
    made = ("make", "--a", a, "--b", b, "--data", split.directory, "--images", "10", "-o", study)
    assert run(*made).returncode == 0
    refused = run(*made[:4], a, *made[5:8], "99", *made[9:])
    assert refused.returncode == 2
    assert all(word in refused.stderr for word in ("both systems are named 'base'", "exists already", "at most 12"))
    assert "Traceback" not in refused.stderr
    assert run("simulate", study, "-o", sent, "--agree", "1", "--win", "0.7", "--same", "0.1").returncode == 0
    done = run("collect", study, *sorted(sent.glob("*.json")), "--markdown", "-o", tmp_path / "table4.md")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (tmp_path / "table4.md").read_text(encoding="utf-8")
    assert re.search(r"\| relevance \| 20\.0 .* 70\.0 .* 10\.0 .* \+50\.0 .* 10 \| 1\.000 \|", done.stdout)
    latex = run("collect", study, *sorted(sent.glob("*.json")), "--latex", "-o", tmp_path / "table4.tex")
    assert latex.stdout == (tmp_path / "table4.tex").read_text(encoding="utf-8")
    assert latex.stdout.count("\\begin{tabular}") == done.stdout.count("\n| ---")
    nothing = run("collect", tmp_path, *sent.glob("*.json"))
    assert nothing.returncode == 2
    assert "expected a folder with key.json" in nothing.stderr


def test_questions_and_choices_of_the_paper() -> None:
    """Section 5.6: relevance, diversity, informativeness; one of the two, or not distinguishable."""
    assert list(QUESTIONS) == ["relevance", "diversity", "informativeness"]
    assert list(CHOICES.values()) == ["left", "indistinguishable", "right"]
