"""`python -m benchmark.dataset collect` and `explain`, as a user runs them, with an engine that needs no models."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmark.dataset import open_dataset

TESTS, ROOT = Path(__file__).parents[2], Path(__file__).parents[3]
RULES = ("allow_digits=true", "min_captions=1", "max_length=99", "language_model=off", "near_duplicates=-1", "slant=90")
ENGINES = ("--engine", "fake_engine:first", "--second", "none")


def run(*arguments: str | Path, log: Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(TESTS)]), "FAKE_ENGINE_LOG": str(log)}
    command = [sys.executable, "-m", "benchmark.dataset", *map(str, arguments)]
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False, encoding="utf-8")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(10):
        Image.new("RGB", (120, 90), (11 * i, 200 - 7 * i, 80)).save(folder / f"shoe-{i}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def settings(*rules: str) -> list[str]:
    return [part for rule in rules for part in ("--set", rule)]


def test_from_pictures_to_a_data_set_and_its_reasons(pictures: Path, tmp_path: Path) -> None:
    """A step that only works from Python; a changed rule that reads every picture again; a drop without its reason."""
    log, out = tmp_path / "log", tmp_path / "mine"
    command = ["collect", "--pictures", pictures, "-o", out, "--jobs", "1", *ENGINES, *settings(*RULES)]
    done = run(*command, log=log)
    assert done.returncode == 0, done.stderr
    splits = open_dataset(str(out))
    assert sum(split.n_images for split in splits.values()) == 10
    assert len(log.read_text().splitlines()) == 10
    assert json.loads((out / "dataset.json").read_text())["collected"]["rules"]["min_captions"] == 1
    assert "TO ANSWER" in (out / "DATASHEET.md").read_text(encoding="utf-8")
    assert json.loads((out / "croissant.json").read_text())["recordSet"]

    again = run(*command, "--set", "size=0.9", log=log)
    assert again.returncode == 2
    assert "no image is left of 11" in again.stderr
    assert len(log.read_text().splitlines()) == 10  # nothing was read again
    assert sum(split.n_images for split in open_dataset(str(out)).values()) == 10  # and nothing was lost

    told = run("explain", f"{out}.work", "broken", "--out", tmp_path / "x.png", log=log)
    assert told.returncode == 0, told.stderr
    assert "picture cannot be used" in re.sub(r"\s+", " ", told.stdout)
    shown = run("explain", f"{out}.work", "shoe-3", "--out", tmp_path / "x.png", log=log)
    assert "caption 红33绿179" in shown.stdout
    assert np.asarray(Image.open(tmp_path / "x.png")).shape == (90, 120, 3)


def test_a_dry_run_writes_no_data_set(pictures: Path, tmp_path: Path) -> None:
    """A first look that already replaces something."""
    out = tmp_path / "mine"
    command = ["collect", "--pictures", pictures, "-o", out, "--jobs", "1", *ENGINES, *settings(*RULES), "--dry-run"]
    done = run(*command, log=tmp_path / "log")
    assert done.returncode == 0, done.stderr
    assert not out.exists()
    assert Image.open(f"{out}.work/contact_sheet.png").width > 1000
    assert not Path(f"{out}.work/funnel.png").exists()  # that of a whole run may be there


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """One mistake per hour of waiting; a folder of somebody else that is replaced."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear all")
    done = run(
        *("collect", "--pictures", tmp_path / "nowhere", "-o", tmp_path / "mine", "--rules", "defalt"),
        *("--set", "sise=1", "--split", "../x=0.1", "--split", "val"),
        log=tmp_path / "log",
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for part in ("did you mean default", "did you mean size", "'../x' cannot be", "--split val", "is not replaced"):
        assert part in done.stderr, part
    assert (tmp_path / "mine" / "letter.txt").exists()
    nothing = run("explain", tmp_path / "nowhere", "x", log=tmp_path / "log")
    assert nothing.returncode == 2
    assert "run collect first" in nothing.stderr


def test_annotations_stand_in_for_reading(pictures: Path, tmp_path: Path) -> None:
    """Other people's boxes that go through other rules, or an engine that is asked although there are boxes."""
    table = tmp_path / "boxes.csv"
    places = [("防滑", "10,10,60,30"), ("透气鞋", "15,40,65,60")]
    rows = [f"shoe-{i}.png,{box},{text}{'一二三四五六七八九十'[i]}" for i in range(10) for text, box in places]
    table.write_text("\n".join(["image,x1,y1,x2,y2,text", *rows]), encoding="utf-8")
    out, log = tmp_path / "mine", tmp_path / "log"
    done = run(
        *("collect", "--pictures", pictures, "--annotations", f"table:{table}", "-o", out, "--second", "none"),
        *settings("language_model=off", "near_duplicates=-1"),
        log=log,
    )
    assert done.returncode == 0, done.stderr
    assert not log.exists()
    rows_read = [row for split in open_dataset(str(out)).values() for row in split.rows()]
    assert len(rows_read) == 10
    first = next(row for row in rows_read if row["image_id"] == "shoe-0")
    assert first["captions"] == ["防滑一", "透气鞋一"]
    assert first["boxes"][0] == pytest.approx([10 / 120, 10 / 90, 60 / 120, 30 / 90])
    told = run("explain", f"{out}.work", "shoe-0", "--out", tmp_path / "x.png", log=log)
    assert "caption 透气鞋一" in told.stdout, told.stderr
    lost = run("explain", f"{out}.work", "broken", log=log)
    assert lost.returncode == 0, lost.stderr
    assert "broken was not read: manifest: picture has no annotations" in re.sub(r"\s+", " ", lost.stdout)


def test_annotations_of_a_picture_made_small(pictures: Path, tmp_path: Path) -> None:
    """Boxes of Label Studio in per cent of the small picture that was uploaded, put on the large one as pixels."""

    def regions(i: int, width: int, height: int) -> list[dict[str, Any]]:
        size = {"original_width": width, "original_height": height}
        places = [
            {"x": 10, "y": 10, "width": 50, "height": 20, "rotation": 0},
            {"x": 20, "y": 50, "width": 60, "height": 20},
        ]
        texts = ["防滑", "透气鞋"]
        return [
            {"id": f"{n}", **size, "value": place | {"text": texts[n] + "一二三四五六七八九十"[i]}}
            for n, place in enumerate(places)
        ]

    tasks = [
        {"data": {"image": f"/data/{i}.jpg", "image_id": f"shoe-{i}"}, "annotations": [{"result": regions(i, 60, 45)}]}
        for i in range(9)
    ]
    tasks += [{"data": {"image": "shoe-9.png"}, "annotations": [{"result": regions(9, 60, 90)}]}]
    tasks += [{"data": {"image": "/data/x.jpg", "image_id": "nobody"}, "annotations": [{"result": regions(9, 60, 45)}]}]
    export = tmp_path / "export.json"
    export.write_text(json.dumps(tasks), encoding="utf-8")
    out, log = tmp_path / "mine", tmp_path / "log"
    done = run(
        *("collect", "--pictures", pictures, "--annotations", f"label-studio:{export}", "-o", out, "--second", "none"),
        *settings("language_model=off", "near_duplicates=-1"),
        log=log,
    )
    assert done.returncode == 0, done.stderr
    rows = {row["image_id"]: row for split in open_dataset(str(out)).values() for row in split.rows()}
    assert sorted(rows) == [f"shoe-{i}" for i in range(9)]
    assert rows["shoe-0"]["boxes"] == [pytest.approx([0.1, 0.1, 0.6, 0.3]), pytest.approx([0.2, 0.5, 0.8, 0.7])]
    told = run("explain", f"{out}.work", "shoe-9", log=log, folder=tmp_path)
    assert "annotated at 60 x 90 pixels" in re.sub(r"\s+", " ", told.stdout)
    nobody = run("explain", f"{out}.work", "image_id:nobody", log=log)
    assert "no picture for these annotations" in re.sub(r"\s+", " ", nobody.stdout)
    none = run("collect", "--pictures", pictures, "--annotations", f"table:{_empty(tmp_path)}", "-o", out, log=log)
    assert none.returncode == 2
    assert "is annotated in it" in re.sub(r"\s+", " ", none.stderr)


def _empty(folder: Path) -> Path:
    path = folder / "none.csv"
    path.write_text("image,x1,y1,x2,y2,text\nother.png,1,1,20,20,好\n", encoding="utf-8")
    return path


def answers_to(questions: dict[str, Any], reviewer: str, **changes: str) -> dict[str, Any]:
    """What a page saves if a reviewer keeps everything but the images named."""
    entries = [
        {"image_id": image["id"], "sha256": image["sha256"], "line": caption["line"], "read": caption["read"]}
        | (
            {"verdict": changes[image["id"]]}
            if image["id"] in changes
            else {"verdict": "keep", "text": caption["read"]}
        )
        for image in questions["images"]
        for caption in image["captions"]
    ]
    return {"format": questions["format"], "reviewer": reviewer, "answers": entries}


def stated(folder: Path) -> dict[str, str]:
    """Fingerprint of each split."""
    return {name: split.stated["fingerprint"] for name, split in open_dataset(str(folder)).items()}


def test_a_review_from_pages_to_the_data_set(pictures: Path, tmp_path: Path) -> None:
    """A review that changes what nobody changed, is lost in the next run, or applies half of a bad file."""
    log, out, work = tmp_path / "log", tmp_path / "mine", tmp_path / "mine.work"
    command = ["collect", "--pictures", pictures, "-o", out, "--jobs", "1", *ENGINES, *settings(*RULES)]
    command += ["--split", "val=0.5"]
    assert run(*command, log=log).returncode == 0
    before = stated(out)

    done = run("review", "export", work, "-o", tmp_path / "pages", log=log)
    assert done.returncode == 0, done.stderr
    script = (tmp_path / "pages" / "questions.js").read_text(encoding="ascii")
    questions = json.loads(script.removeprefix("questions(").removesuffix(");\n"))
    ids = [image["id"] for image in questions["images"]]
    assert sorted(ids) == sorted(open_dataset(str(out))["val"].image_ids)

    good, bad = tmp_path / "li.json", tmp_path / "bad.json"
    good.write_text(json.dumps(answers_to(questions, "Li")))
    bad.write_text(json.dumps(answers_to(questions, "Wu") | {"format": "other"}))
    refused = run("review", "import", work, good, bad, tmp_path / "none.json", log=log)
    assert refused.returncode == 2
    assert "bad.json" in refused.stderr
    assert "none.json" in refused.stderr
    assert not (work / "review").exists()

    done = run("review", "import", work, good, log=log)
    assert done.returncode == 0, done.stderr
    assert stated(out) == before
    assert "1 person looked at captions of val: Li" in (out / "DATASHEET.md").read_text(encoding="utf-8")

    good.write_text(json.dumps(answers_to(questions, "Li", **{ids[0]: "product"})))
    done = run("review", "import", work, good, log=log)
    assert done.returncode == 0, done.stderr
    again = run(*command, log=log)
    assert again.returncode == 0, again.stderr
    left = open_dataset(str(out))
    assert sorted(left["val"].image_ids) == sorted(ids[1:])
    assert stated(out)["train"] == before["train"]
    described = json.loads((out / "dataset.json").read_text(encoding="utf-8"))["collected"]
    assert len(described["review_sha256"]) == 64
    told = run("explain", work, ids[0], "--out", tmp_path / "x.png", log=log)
    assert "on the product, say reviewers" in re.sub(r"\s+", " ", told.stdout)
    assert len(log.read_text().splitlines()) == 10  # nothing was read again


def test_what_a_review_keeps_and_what_it_refuses(pictures: Path, tmp_path: Path) -> None:
    """A second batch that erases the first, a moved folder that is left behind, a letter that is replaced."""
    log, out, work = tmp_path / "log", tmp_path / "mine", tmp_path / "mine.work"
    words = tmp_path / "words.txt"
    words.write_text("没有")
    command = ["collect", "--pictures", pictures, "-o", out, "--jobs", "1", *ENGINES, *settings(*RULES)]
    command += [
        "--split",
        "val=0.4",
        "--split",
        "test=0.3",
        "--set",
        f"lexicon={os.path.relpath(tmp_path / 'words.txt')}",
    ]
    assert run(*command, log=log).returncode == 0
    files = []
    for split in ("val", "test"):
        done = run("review", "export", work, "-o", tmp_path / split, "--split", split, log=log)
        assert done.returncode == 0, done.stderr
        script = (tmp_path / split / "questions.js").read_text(encoding="ascii")
        questions = json.loads(script.removeprefix("questions(").removesuffix(");\n"))
        files.append(tmp_path / f"{split}.json")
        files[-1].write_text(json.dumps(answers_to(questions, "Li")))
    for place in (work / "review", pictures / "review", out / "review"):
        refused = run("review", "export", work, "-o", place, log=log)
        assert refused.returncode == 2
        assert "lies in the input folder" in re.sub(r"\s+", " ", refused.stderr)

    moved = tmp_path / "moved"
    moved.mkdir()
    for folder in (out, work):
        folder.rename(moved / folder.name)
    out.mkdir()
    (out / "letter.txt").write_text("dear")
    for file in files:  # from another folder than the one of the first run, whose lexicon was named as seen from there
        done = run("review", "import", moved / "mine.work", file, log=log, folder=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (out / "letter.txt").read_text() == "dear"
    n = sum(split.n_boxes for name, split in open_dataset(str(moved / "mine")).items() if name != "train")
    assert f"Li ({n})" in (moved / "mine" / "DATASHEET.md").read_text(encoding="utf-8")

    foreign = json.loads(files[0].read_text())
    foreign["answers"] = [entry | {"image_id": f"other-{i}"} for i, entry in enumerate(foreign["answers"])]
    (tmp_path / "foreign.json").write_text(json.dumps(foreign))
    refused = run("review", "import", moved / "mine.work", tmp_path / "foreign.json", log=log)
    assert refused.returncode == 2
    assert "are they about another one" in re.sub(r"\s+", " ", refused.stderr)

    (moved / "letter").mkdir()
    (moved / "mine").rename(moved / "kept")
    (moved / "letter").rename(moved / "mine")
    (moved / "mine" / "letter.txt").write_text("dear")
    refused = run("review", "import", moved / "mine.work", files[0], log=log)
    assert refused.returncode == 2
    assert (moved / "mine" / "letter.txt").is_file()


@pytest.mark.parametrize(
    "change",
    [
        {"rules": None},
        {"name": 7},
        {"side": "256"},
        {"shares": [1]},
        {"shares": {"../../x": 0.3}},
        {"shares": {"val": "much"}},
        {"rules": {"size": 9}},
    ],
)
def test_a_working_folder_of_somebody_else_is_refused(pictures: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    """A traceback, or a file outside the folder, from what a file in it says."""
    log, out, work = tmp_path / "log", tmp_path / "mine", tmp_path / "mine.work"
    assert run("collect", "--pictures", pictures, "-o", out, *ENGINES, *settings(*RULES), log=log).returncode == 0
    path = work / "collection.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["asked"] |= change
    path.write_text(json.dumps(content), encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    for verb in (("export", work, "-o", tmp_path / "pages", "--split", "train"), ("import", work, path)):
        refused = run("review", *verb, log=log)
        assert refused.returncode == 2
        assert "run collect again" in re.sub(r"\s+", " ", refused.stderr)
        assert "Traceback" not in refused.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_places_that_would_destroy_something_are_refused_before_reading(pictures: Path, tmp_path: Path) -> None:
    """Readings of hours in a folder that is replaced at the end; a data set that is read as pictures the next time."""
    log = tmp_path / "log"
    log.touch()
    out, inside = tmp_path / "mine", pictures / "mine"
    for places in (("-o", out, "--work", out), ("-o", out, "--work", out / "work"), ("-o", inside)):
        refused = run("collect", "--pictures", pictures, *places, *ENGINES, *settings(*RULES), log=log)
        assert refused.returncode == 2
        assert "Traceback" not in refused.stderr
    late = ["--name", "a/b", "--split", "train=0.5", "--set", "lexicon=none.txt", "--second", "fake_engine:first"]
    late += ["--set", "language_model=kenlm:none.arpa"]
    refused = run("collect", "--pictures", pictures, "-o", out, *ENGINES, *settings(*RULES), *late, log=log)
    for word in ("--name", "train", "none.txt", "none.arpa", "--second"):
        assert word in refused.stderr
    assert log.read_text() == ""
    assert not out.exists()
    assert run("collect", "--pictures", pictures, "-o", ".", *ENGINES, log=log, folder=tmp_path).returncode == 2


def test_a_first_run_that_leaves_nothing_tells_why(pictures: Path, tmp_path: Path) -> None:
    """A shop with foreign texts that only learns that nothing is left."""
    out, log = tmp_path / "mine", tmp_path / "log"
    refused = run("collect", "--pictures", pictures, "-o", out, *ENGINES, "--set", "language_model=off", log=log)
    assert refused.returncode == 2
    assert "no image is left of 11" in refused.stderr
    assert "digit" in refused.stdout
    told = run("explain", f"{out}.work", "shoe-3", "--out", tmp_path / "x.png", log=log)
    assert "digit" in re.sub(r"\s+", " ", told.stdout)


def test_answers_in_a_datasheet_are_kept(pictures: Path, tmp_path: Path) -> None:
    """A datasheet that somebody has filled in, and the next run has replaced."""
    out, log = tmp_path / "mine", tmp_path / "log"
    command = ["collect", "--pictures", pictures, "-o", out, *ENGINES, *settings(*RULES)]
    assert run(*command, log=log).returncode == 0
    asked = "**Who created it, and on behalf of whom?**"
    mine = (out / "DATASHEET.md").read_text(encoding="utf-8").replace(f"{asked} **TO ANSWER**", f"{asked} We.")
    (out / "DATASHEET.md").write_text(mine + "A note.", encoding="utf-8")
    assert run(*command, log=log).returncode == 0
    assert (tmp_path / "mine.work" / "DATASHEET.before.md").read_text(encoding="utf-8") == mine + "A note."
    assert f"{asked} We." in (out / "DATASHEET.md").read_text(encoding="utf-8")
