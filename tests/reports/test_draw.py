"""`reports.draw`: files that come whole, words that are safe, runs that do not do."""

import warnings
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from run_folders import HOSTILE, Made, hostile_split, run_of, table, two_systems

from benchmark.dataset.description import write_description
from benchmark.dataset.schema import AnnotationRow
from benchmark.dataset.store import Split, SplitWriter, open_directory
from benchmark.errors import InputError
from benchmark.grid import Grid
from reference_model.registry import named
from reports import reproduce
from reports.chapters import Chapter
from reports.draw import main
from reports.figures import catalogue, drawing, examples, figure3, figure_a7, figure_a8
from reports.figures.catalogue import FIGURES
from reports.figures.material import LABEL, Material, MissingInputError
from reports.runs import agreement
from reports.runs.stored import Run


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Types without an encoder, coarse pictures."""
    monkeypatch.setattr(figure3, "load_type_model", lambda _: Made())
    monkeypatch.setattr(drawing, "DPI", 40)


@pytest.fixture
def material(tmp_path: Path, splits: dict[str, Split]) -> Material:
    return two_systems(tmp_path / "runs", splits)


def test_every_figure_comes_whole_and_says_what_it_is(
    tmp_path: Path, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture without its numbers, one that passes for real data, glyphs that the font does not have."""
    monkeypatch.setattr(examples, "DRAWN", 2)  # of twelve: fast
    monkeypatch.setattr(figure_a8, "EXAMPLES", 2)
    out, written = tmp_path / "out", list[Path]()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for name in sorted(FIGURES.keys() - {"figure4a", "tablea6"}):  # they look for runs of real configurations
            kinds = ("md", "tex", "csv") if name == "table1" else ("png", "svg", "pdf", "csv")
            made = FIGURES[name](material, out)
            assert made[:4] == [out / f"{name}.{kind}" for kind in kinds]
            written += made
    assert sorted(out.iterdir()) == sorted(written)  # nothing partial is left
    assert LABEL in (out / "table1.md").read_text()
    for svg in out.glob("*.svg"):
        assert LABEL in svg.read_text(), svg.name  # in the comment beside its outlines
    assert {r["image_CIDEr"] for r in table(out / "figure5.csv") if r["captions"] == "references"} == {""}


def test_images_without_a_category_are_counted(tmp_path: Path) -> None:
    """A shop that tells no categories, or some: a traceback in place of the figure."""
    figure_a7.draw(Material(hostile_split(tmp_path / "some", uncategorised=2), []), tmp_path)
    assert {r["category"]: r["images"] for r in table(tmp_path / "figureA7.csv")}[""] == "2"
    with pytest.raises(MissingInputError, match="needs categories"):
        figure_a7.draw(Material(hostile_split(tmp_path / "none", uncategorised=len(HOSTILE)), []), tmp_path)


def test_hostile_text_is_drawn_as_text(tmp_path: Path) -> None:
    """Mathtext that fails on a dollar sign, markup that becomes markup, a missing glyph, a label that swallows all."""
    splits = hostile_split(tmp_path / "data")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        figure_a7.draw(Material(splits, []), tmp_path)
    assert {r["category"] for r in table(tmp_path / "figureA7.csv")} == {
        name.replace("\u202e", r"\u202e") for name in HOSTILE
    }
    elements = {element.tag.rpartition("}")[2] for element in ElementTree.parse(tmp_path / "figureA7.svg").iter()}
    assert "path" in elements
    assert "script" not in elements
    assert "$\\frac$" in (tmp_path / "figureA7.svg").read_text()


def test_runs_that_do_not_do_are_refused(tmp_path: Path, splits: dict[str, Split]) -> None:
    """A figure of the wrong run, or a traceback where a sentence would help."""
    captions = {name: split.captions for name, split in splits.items()}
    place = run_of(tmp_path, "full", splits, captions)
    assert Material(splits, [place]).captions("full") == splits["test"].captions
    with pytest.raises(InputError, match="no complete run of 'baseline'"):
        Material(splits, [tmp_path]).captions("baseline")
    with pytest.raises(InputError, match="no run in"):
        Material(splits, [tmp_path / "nowhere"]).captions("full")
    with pytest.raises(InputError, match="--split"):
        Material(splits, [place], "dev").captions("full")
    other = tmp_path / "full" / "ba9876543210"
    (tmp_path / "full" / "0123456789ab").rename(other)
    run_of(tmp_path, "full", splits, captions)
    with pytest.raises(InputError, match="several configurations"):
        Material(splits, [tmp_path]).captions("full")
    own = tmp_path / "full" / named("full", "mini").hash  # a variant's own is meant, not that of a row of a table
    (tmp_path / "full" / "0123456789ab").rename(own)
    assert Material(splits, [tmp_path]).captions("full") == splits["test"].captions
    own.rename(tmp_path / "full" / "0123456789ab")
    (other / "seed1" / "config.json").write_text('{"seed": 1}')
    with pytest.raises(InputError, match="expected the configuration"):
        Material(splits, [tmp_path]).captions("full")


def test_unknown_name_is_bad_input(tmp_path: Path, directory: Path) -> None:
    """Half of the figures drawn before a misspelt name is noticed."""
    with pytest.raises(InputError, match="no figure 'figure99'; expected one of figure3"):
        main(["figureA10", "figure99"], tmp_path / "out", data=str(directory))
    with pytest.raises(InputError, match="no such folder"):
        main(["figureA10"], tmp_path / "out", data=str(directory), run=[tmp_path / "nowhere"])
    with pytest.raises(InputError, match="--split"):
        main(["figureA10"], tmp_path / "out", data=str(directory), split="dev")
    assert not (tmp_path / "out").exists()


def test_all_goes_on_without_what_is_not_there(
    tmp_path: Path, directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One missing run that costs every other figure, or a figure left out without a word."""
    names = ("figure5", "figureA10")
    monkeypatch.setattr(catalogue, "FIGURES", {name: FIGURES[name] for name in names})
    (tmp_path / "runs").mkdir()
    main(["all"], tmp_path / "out", data=str(directory), run=[tmp_path / "runs"])
    assert {path.stem for path in (tmp_path / "out").iterdir()} == {"figureA10"}
    assert "figure5 was left out: no run in" in capsys.readouterr().err
    with pytest.raises(InputError, match="figure5: no run in"):
        main(["figure5"], tmp_path / "out", data=str(directory), run=[tmp_path / "runs"])


def test_hidden_captions_are_not_there(tmp_path: Path) -> None:
    """A division by zero, or a table of nothing, for a data set whose references are hidden."""
    row: AnnotationRow = next(hostile_split(tmp_path / "open")["test"].rows())
    row["captions"] = None
    with SplitWriter(tmp_path / "hidden", "test") as writer:
        writer.append(row)
    write_description(tmp_path / "hidden", name="made", synthetic=True, splits={"test": writer.summary()})
    hidden = Material(open_directory(tmp_path / "hidden"), [])
    for name in ("figureA8", "figureA10", "table1"):
        with pytest.raises(MissingInputError, match="needs captions"):
            FIGURES[name](hidden, tmp_path / "out")


def test_reproducing_all_draws_every_figure(
    tmp_path: Path, directory: Path, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables beside figures of other runs than theirs; figures of all drawn for one table."""
    folders = [path.parent for path in (tmp_path / "runs").rglob("config.json")]
    asked: list[tuple[Material, Path]] = []
    monkeypatch.setattr(reproduce.RunPlan, "todo", lambda _: [])
    monkeypatch.setattr(reproduce.RunPlan, "complete", lambda _: {str(folder): [Run(folder)] for folder in folders})
    monkeypatch.setattr(Chapter, "measure", lambda *_: SimpleNamespace(write=lambda _: []))
    monkeypatch.setattr(agreement, "agreement_grid", lambda *_: Grid("", ["run"]))
    monkeypatch.setattr(catalogue, "draw_all", lambda *arguments: asked.append(arguments))
    for names in (["table2"], ["all"]):
        reproduce.main(names, data=str(directory), runs=tmp_path / "runs", output=tmp_path / "out")
    (made, output), *more = asked
    assert (output, more) == (tmp_path / "out", [])
    assert set(made.roots) == set(folders)
