"""Bundles for other platforms: their contracts, the simulated workers, and that no reference text gets out."""

import ast
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import typer
from PIL import Image
from PIL.PngImagePlugin import PngInfo

pytest.importorskip("yaml")
pytest.importorskip("pydantic")

import yaml

from benchmark import score
from benchmark.dataset import open_dataset
from benchmark.dataset.description import write_description
from benchmark.dataset.schema import AnnotationRow
from benchmark.dataset.store import Split, SplitWriter, open_directory
from benchmark.errors import InputError
from benchmark.leaderboard.__main__ import simulate as run_command
from benchmark.metrics import BOARD
from benchmark.platforms import codabench, evalai, worker
from benchmark.platforms.bundle import folder_members, write_zip
from benchmark.platforms.export import Platform, write_bundle
from benchmark.platforms.python39 import STRICT_ZIP, lowered
from benchmark.platforms.references import open_references, write_references
from benchmark.platforms.simulate import SimulatedScoring, Worker, simulate
from benchmark.predictions import read_predictions, write_predictions
from benchmark.scoring.evaluation import evaluate
from benchmark.scoring.withheld import rounded

PLATFORMS = ("codabench", "evalai")
#: Parts of a bundle which only the organiser and the worker see.
_SECRET = ("reference_", "annotations/")


def _secret(random: Random) -> str:
    """A caption which stands nowhere else in the world."""
    return "".join(chr(random.randrange(0x4E00, 0x9FA0)) for _ in range(9))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set whose captions are secrets, in the annotations, on the pictures (white) and beside their pixels."""
    folder, random = tmp_path_factory.mktemp("data"), Random(1)
    (folder / "images").mkdir()
    splits = {}
    for name in ("val", "test"):
        with SplitWriter(folder, name, roles=True) as writer:
            for i in range(8):
                boxes = [[0.1, 0.1 + 0.25 * k, 0.7, 0.25 + 0.25 * k] for k in range(3)]
                row: AnnotationRow = {
                    "image_id": f"{name}_{i}", "width": 64, "height": 64, "title": "面霜", "attributes": "保湿",
                    "category": "面霜", "boxes": boxes, "captions": [_secret(random) for _ in boxes],
                    "masked_boxes": [*boxes, [0.8, 0.8, 0.9, 0.9]], "roles": [f"role{_secret(random)}"] * 3,
                }  # fmt: skip
                writer.append(row)
                beside = PngInfo()
                beside.add_text("Comment", str(row["captions"]))
                picture = Image.new("RGB", (64, 64), (90, 90, 90))
                for x1, y1, x2, y2 in row["masked_boxes"]:
                    picture.paste((255, 255, 255), tuple(int(64 * v) for v in (x1, y1, x2, y2)))
                picture.save(folder / "images" / f"{name}_{i}.png", pnginfo=beside)
        splits[name] = writer.summary()
    write_description(folder, name="secret", synthetic=True, splits=splits)
    return folder


@pytest.fixture(scope="module")
def test_split(data: Path) -> Split:
    return open_directory(data)["test"]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory, data: Path) -> dict[str, Path]:
    """Both bundles; packages are left out, so the simulated workers use those of this Python."""
    folder = tmp_path_factory.mktemp("bundles")
    for platform in PLATFORMS:
        made(platform, folder / f"{platform}.zip", data)
    return {platform: folder / f"{platform}.zip" for platform in PLATFORMS}


def made(platform: str, path: Path, data: Path, packages: str = "none") -> None:
    days = {"start": "2027-01-01", "test_start": "2027-02-01", "end": "2027-03-01"}
    write_bundle(
        Platform(platform),
        path,
        open_dataset(str(data)),
        **days,
        time_limit=60,
        packages=packages,
        image="with-packages:1",
    )


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, test_split: Split) -> Path:
    """A submission in which half of the captions are right."""
    folder = tmp_path_factory.mktemp("good")
    captions = [c if i % 2 else c[:4] for i, c in enumerate(test_split.captions)]
    write_predictions(folder / "preds.jsonl", test_split, captions)
    return zipped(folder / "good.zip", ("preds.jsonl", (folder / "preds.jsonl").read_bytes()))


def zipped(path: Path, *members: tuple[str, bytes]) -> Path:
    write_zip(path, members)
    return path


def content(submission: Path) -> bytes:
    with zipfile.ZipFile(submission) as archive:
        return archive.read("preds.jsonl")


@pytest.fixture(scope="module", params=PLATFORMS)
def scored(request: pytest.FixtureRequest, bundles: dict[str, Path], good: Path) -> tuple[str, SimulatedScoring]:
    return request.param, simulate(request.param, bundles[request.param], good)


@pytest.fixture(scope="module")
def refused(
    bundles: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, good: Path
) -> dict[str, SimulatedScoring]:
    """A submission with much that is wrong, on both platforms."""
    lines = content(good).splitlines(keepends=True)
    bad = b"".join([b'{"image_id": "x\\u001b[31m", "box": 0, "caption": "a"}\n', b"{\n", *lines[3:]])
    path = zipped(tmp_path_factory.mktemp("bad") / "bad.zip", ("preds.jsonl", bad))
    return {platform: simulate(platform, bundles[platform], path) for platform in PLATFORMS}


def test_scores_are_those_of_benchmark_score(
    scored: tuple[str, SimulatedScoring], data: Path, good: Path, tmp_path: Path
) -> None:
    """Another number on the platform than at home; or more digits than hidden references bear."""
    platform, outcome = scored
    assert (outcome.breaches, outcome.refused) == ([], "")
    (tmp_path / "preds.jsonl").write_bytes(content(good))
    score.main([tmp_path / "preds.jsonl"], data=str(data), split="test", output=tmp_path / "scores.json")
    home = json.loads((tmp_path / "scores.json").read_text())
    by_name = {metric.key if platform == "codabench" else metric.name: metric.name for metric in BOARD}
    assert outcome.scores == {key: round(home["scores"][name], 2) for key, name in by_name.items()}
    if platform == "evalai":
        full = json.loads(outcome.artefacts["submission_result"])
        assert full["scores"] == rounded(home["scores"])
        assert full["intervals"] == rounded(home["intervals"])
        assert full["signature"] == home["signature"]


def test_refusals_name_all_problems(refused: dict[str, SimulatedScoring]) -> None:
    """A participant with twenty submissions who learns one problem from each; a score for a file with problems."""
    for outcome in refused.values():
        assert outcome.breaches == []
        assert outcome.scores == {}
        assert outcome.run
        assert outcome.run.code == 1
        for words in ("unknown image in preds.jsonl:1", "not JSON in preds.jsonl:2", "no prediction for 3 of 24 boxes"):
            assert words in outcome.refused
        assert "\x1b" not in outcome.refused
        assert "Traceback" not in outcome.refused


def _opened(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """A file, and what is packed in it: members of archives, columns of Parquet, pixels and notes of pictures."""
    yield name, content
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield member, member.encode()
                yield from _opened(f"{name}/{member}", archive.read(member))
    elif name.endswith(".parquet"):
        yield name, json.dumps(pq.read_table(io.BytesIO(content)).to_pylist(), ensure_ascii=False).encode()
    elif name.endswith((".png", ".jpg")):
        with Image.open(io.BytesIO(content)) as picture:
            yield name, repr(picture.info).encode()


def _leaks(name: str, content: bytes, secrets: list[str]) -> list[str]:
    """Places in which a secret stands, in any of the usual forms."""
    found = []
    for place, plain in _opened(name, content):
        for secret in secrets:
            forms = [secret.encode(code) for code in ("utf-8", "utf-16-le", "gb18030", "unicode_escape")]
            if any(form in plain for form in forms):
                found.append(place)
    return found


def test_no_participant_sees_reference_text(
    bundles: dict[str, Path], scored: tuple[str, SimulatedScoring], refused: dict[str, SimulatedScoring], data: Path
) -> None:
    """The hidden captions in pages, public data, the scoring program, a log, an error message or a result."""
    splits = open_directory(data)
    secrets = [s for split in splits.values() for s in [*split.captions, *(split.roles or [])]]
    platform, outcome = scored
    seen = {**outcome.artefacts, **{f"refused {k}": v for k, v in refused[platform].artefacts.items()}}
    seen["words"] = refused[platform].refused.encode()
    if platform == "evalai":
        public = bundles[platform].with_suffix(".public.zip")
        seen["public.zip"] = public.read_bytes()
    secret_parts = []
    with zipfile.ZipFile(bundles[platform]) as archive:
        for name in archive.namelist():
            if name.startswith(_SECRET):
                secret_parts.append(archive.read(name))
            else:
                seen[name] = archive.read(name)
    assert len(seen) > 10
    assert {place for name, content in seen.items() for place in _leaks(name, content, secrets)} == set()
    # The scan finds what is there.
    assert all(_leaks("x.json", part, secrets) for part in secret_parts)
    assert _leaks("test.parquet", (data / "test.parquet").read_bytes(), secrets)
    assert _leaks("a.png", (data / "images/test_0.png").read_bytes(), secrets)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_public_data(platform: str, bundles: dict[str, Path], test_split: Split, good: Path, tmp_path: Path) -> None:
    """Text that stays on the pictures; public data with which no submission can be made or checked."""
    public = bundles[platform].with_suffix(".public.zip")
    if platform == "codabench":
        with zipfile.ZipFile(bundles[platform]) as archive:
            public = archive.extract("public_data.zip", tmp_path)
    with zipfile.ZipFile(public) as archive:
        archive.extractall(tmp_path / "data")
    split = open_directory(tmp_path / "data")["test"]
    assert not split.has_references
    assert split.roles is None
    assert (split.boxes == test_split.boxes).all()
    (tmp_path / "preds.jsonl").write_bytes(content(good))
    assert len(read_predictions(tmp_path / "preds.jsonl", split)) == split.n_boxes
    for image_id in split.image_ids:
        pixels = np.asarray(split.image(image_id))
        assert not (pixels > 200).any()
        assert set(np.unique(pixels)) == {0, 90}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_forms_of_a_submission(platform: str, references: Path, good: Path, tmp_path: Path) -> None:
    """What people really upload: in a folder, packed, with the litter of a Macintosh."""
    wanted = None
    for i, members in enumerate(
        [
            [("preds.jsonl", content(good))],
            [("run/preds.jsonl", content(good)), ("__MACOSX/run/._preds.jsonl", b"\0")],
            [("preds.jsonl", content(good)), ("notes.txt", b"hi")],
        ]
    ):
        path = zipped(tmp_path / f"{i}.zip", *members)
        submitted = path
        if platform == "codabench":
            submitted = tmp_path / f"res{i}"
            with zipfile.ZipFile(path) as archive:
                archive.extractall(submitted)
        judged = worker.judge(submitted, references)
        wanted = wanted or judged
        assert judged == wanted
    for members in ([], [("other.jsonl", content(good))], [("a/preds.jsonl", b""), ("b/preds.jsonl", b"")]):
        path = zipped(tmp_path / "bad.zip", ("x.txt", b""), *members)
        with pytest.raises(worker.RefusedError, match=r"expected one preds\.jsonl at the root"):
            worker.judge(path, references)


@pytest.fixture(scope="module")
def references(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("references") / "test.json"
    write_references(open_directory(data)["test"], path)
    return path


_HUGE = "9" * 5000


@pytest.mark.parametrize(
    "line",
    [
        f'{{"image_id": "test_0", "box": {_HUGE}, "caption": "a"}}',
        '{"image_id": "test_0", "box": 1e999, "caption": "a"}',
        f'{{"image_id": {_HUGE}, "box": 0, "caption": "a"}}',
        '{"image_id": "../../etc/passwd", "box": 0, "caption": "a"}',
        '{"image_id": "test_0", "box": -1, "caption": "a"}',
        '{"image_id": "test_0", "box": 0, "caption": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"image_id": "test_0", "box": 0, "caption": "' + "a" * 2_000_000 + '"}',
        '{"image_id": "test_0", "box": 0, "caption": "\\ud800"}',
    ],
    ids=["digits", "infinity", "id", "path", "negative", "deep", "long", "surrogate"],
)
def test_enormous_and_odd_values(line: str, references: Path, good: Path, tmp_path: Path) -> None:
    """A crash, or minutes of work, for one line."""
    lines = content(good).decode().splitlines()
    path = zipped(tmp_path / "a.zip", ("preds.jsonl", "\n".join([line, *lines[1:]]).encode()))
    with pytest.raises(worker.RefusedError) as told:
        worker.judge(path, references)
    assert "scorer failed" not in str(told.value)
    assert len(str(told.value)) < 3000


def test_captions_made_to_slow_the_scorer(
    bundles: dict[str, Path], references: Path, test_split: Split, tmp_path: Path
) -> None:
    """METEOR's search on endless repeats: refused beyond a length on average, and scored in the time limit below."""
    everywhere = [c[:2] * 500 for c in test_split.captions]
    once = [c[:340] if i == 5 else "" for i, c in enumerate(everywhere)]
    paths = []
    for i, captions in enumerate((everywhere, once)):
        write_predictions(tmp_path / "preds.jsonl", test_split, captions)
        paths.append(zipped(tmp_path / f"{i}.zip", ("preds.jsonl", (tmp_path / "preds.jsonl").read_bytes())))
    with pytest.raises(worker.RefusedError, match="got 1000 characters per caption on average, expected at most"):
        worker.judge(paths[0], references)
    outcome = simulate("codabench", bundles["codabench"], paths[1])
    assert (outcome.breaches, outcome.refused) == ([], "")


def test_limit_of_length_is_the_checkers() -> None:
    """A file that our own board takes and another platform refuses."""


def test_hostile_archives(bundles: dict[str, Path], references: Path, tmp_path: Path) -> None:
    """Bombs, links, `..` and archives in archives: on Codabench before the program runs, on EvalAI inside of it."""
    bomb = zipped(tmp_path / "bomb.zip", ("preds.jsonl", bytes(257 << 20)))
    nested = zipped(tmp_path / "nested.zip", ("preds.jsonl", bomb.read_bytes()))
    outside = zipped(tmp_path / "outside.zip", ("../../../../tmp/evil", b"x"), ("/etc/evil", b"x"))
    link = zipfile.ZipInfo("preds.jsonl")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    for path, said in (
        (bomb, "unpacks to 269,484,032"),
        (nested, "archive in the archive"),
        (outside, "leads out"),
        (tmp_path / "link.zip", "a link"),
    ):
        outcome = simulate("codabench", bundles["codabench"], path)
        assert (outcome.breaches, outcome.run, outcome.scores) == ([], None, {})
        assert said in outcome.refused
        with pytest.raises(worker.RefusedError, match=said):
            worker.judge(path, references)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_submission_that_is_not_there(bundles: dict[str, Path], platform: str, tmp_path: Path) -> None:
    """A misspelt path taken for a refusal of the platform (exit code 1)."""
    for path in (tmp_path / "preds.zip", tmp_path):
        with pytest.raises(InputError, match="no such file"):
            run_command(Platform(platform), bundles[platform], path)


def test_exit_codes(bundles: dict[str, Path], good: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Scripts that take a refusal, or a broken bundle, for a score."""
    hostile = zipped(tmp_path / "hostile.zip", ("../\x1b[31mevil", b"x"))
    run_command(Platform.evalai, bundles["evalai"], good)
    with pytest.raises(typer.Exit) as left:
        run_command(Platform.codabench, bundles["codabench"], hostile)
    assert left.value.exit_code == 1
    said = capfd.readouterr().out
    assert "refused; the participant reads:" in said
    assert "\x1b" not in said
    broken = changed(bundles["evalai"], tmp_path, lambda folder: (folder / "annotations/test.json").unlink())
    with pytest.raises(InputError, match="contract of evalai: phase 'test': test_annotation_file"):
        run_command(Platform.evalai, broken, good)


def test_unforeseen_errors_tell_nothing(
    references: Path, good: Path, monkeypatch: pytest.MonkeyPatch, test_split: Split
) -> None:
    """An exception of a library that quotes the reference it failed on."""

    def fail(*_: Any) -> None:
        raise ValueError(test_split.captions[0])

    monkeypatch.setattr(worker, "evaluate", fail)
    with pytest.raises(worker.RefusedError, match=r"the scorer failed \(ValueError in test_platforms.py") as told:
        worker.judge(good, references)
    assert test_split.captions[0] not in str(told.value)
    assert told.value.__cause__ is None


def test_references_come_back_whole(references: Path, test_split: Split, tmp_path: Path) -> None:
    """Boxes that are a rounding off, and references changed on the way."""
    split = open_references(references, tmp_path / "a")
    assert split.fingerprint.hexdigest() == test_split.fingerprint.hexdigest()
    changed = references.read_text(encoding="utf-8").replace(test_split.captions[0], "改")
    (tmp_path / "changed.json").write_text(changed, encoding="utf-8")
    with pytest.raises(InputError, match="changed since"):
        open_references(tmp_path / "changed.json", tmp_path / "b")


def test_same_bundle_twice(bundles: dict[str, Path], data: Path, tmp_path: Path) -> None:
    """A bundle which nobody can compare with the one that was reviewed."""
    made("codabench", tmp_path / "again.zip", data)
    assert (tmp_path / "again.zip").read_bytes() == bundles["codabench"].read_bytes()


# Programs that break the contract: what simulators are for.

_SCORE = "import sys, pathlib, json\nout = pathlib.Path(sys.argv[2])\n"
_GOOD = json.dumps({metric.key: 1.5 for metric in BOARD})


def changed(bundle: Path, to: Path, change: Callable[[Path], object]) -> Path:
    """A bundle in which something was changed."""
    folder = to / "folder"
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    change(folder)
    write_zip(to / "changed.zip", folder_members(folder))
    shutil.rmtree(folder)
    return to / "changed.zip"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "no network"),
        ("import subprocess; subprocess.run(['true'])", "no other programs"),
        ("import os; os.system('true')", "no other programs"),
        ("while True: pass", "longer than 1 second"),
        ("import time; time.sleep(60)", "longer than 1 second"),
        ("x = bytearray(3 << 30)", "MemoryError"),
        ("import caponimage", "not from the bundle"),
        ("pass", "scores.json is missing"),
        ("(out / 'scores.json').write_text('[1]')", "no JSON object"),
        ("(out / 'scores.json').write_text('{\"cider\": NaN, \"extra\": 1}')", "'extra' is not a column"),
        (f"(out / 'scores.json').write_text('{_GOOD}'); (out / 'metadata').touch()", "file named metadata"),
        (f"(out / 'scores.json').write_text('{_GOOD}')", "no .html"),
        (f"(out / 'scores.json').write_text('{_GOOD}'); print('no', file=sys.stderr); sys.exit(1)", "were written"),
        ("sys.exit(1)", "without a message"),
    ],
)
def test_breaches_of_codabench(program: str, said: str, bundles: dict[str, Path], good: Path, tmp_path: Path) -> None:
    """A simulator that passes what the platform would not."""

    def change(folder: Path) -> None:
        (folder / "scoring_program/score.py").write_text(_SCORE + program)

    path = changed(bundles["codabench"], tmp_path, change)
    outcome = simulate("codabench", path, good, worker=Worker(time_limit=1, memory=2 << 30))
    assert said in "\n".join(outcome.breaches)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return {}", "no 'result'"),
        ("return {'result': [{'val_split': {}}]}", "does not belong to phase test"),
        ("return {'result': [{'test_split': {'CIDEr': 1.0}}]}", "column 'METEOR' is missing"),
        ("import numpy; return {'result': [{'test_split': {'CIDEr': numpy.float64(1)}}]}", "numpy.float64"),
        ("raise SystemExit(0)", "without an answer"),
        ("raise KeyError('x')", "the program failed"),
    ],
)
def test_breaches_of_evalai(body: str, said: str, bundles: dict[str, Path], good: Path, tmp_path: Path) -> None:
    """As above, for what `evaluate` returns."""

    def change(folder: Path) -> None:
        text = f"def evaluate(annotations, submission, phase, **_):\n    {body}\n"
        zipped(
            folder / "evaluation_script.zip",
            ("__init__.py", b"from .main import evaluate\n"),
            ("main.py", text.encode()),
        )

    outcome = simulate("evalai", changed(bundles["evalai"], tmp_path, change), good)
    assert said in "\n".join(outcome.breaches)


def _remove(name: str) -> Callable[[Path, dict[str, Any]], object]:
    return lambda folder, about: (folder / name).unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f, a: a.pop("version"), "version: got None, expected 2"),
        *((lambda f, a, k=k: a.pop(k), k) for k in
          ("title", "image", "terms", "pages", "tasks", "phases", "leaderboards")),
        (_remove("logo.png"), "image: no file 'logo.png'"),
        (lambda f, a: (f / "pages/terms.md").write_text(""), "terms: no file"),
        (_remove("scoring_program/metadata.yaml"), "no metadata.yaml"),
        (lambda f, a: a["tasks"][1].update(index=0), "an index twice"),
        (lambda f, a: a["tasks"][0].update(reference_data="../secret"), "no reference_data '../secret'"),
        (lambda f, a: a["phases"][1].update(start=a["phases"][0]["end"]), "starts before the phase before it ends"),
        (lambda f, a: a["phases"][0].pop("end"), "has no end"),
        (lambda f, a: a["phases"][0].update(tasks=[7]), "tasks [7]"),
        (lambda f, a: a["leaderboards"][0].update(submission_rule="Best"), "submission_rule 'Best'"),
        (lambda f, a: a["leaderboards"][0]["columns"][0].update(key="bleu_1"), "key of columns"),
        (lambda f, a: a["leaderboards"][0]["columns"][0].update(title="x" * 37), "at most 36"),
        (_remove("competition.yaml"), "competition.yaml: missing"),
    ],
)  # fmt: skip
def test_contract_of_codabench(
    spoil: Callable[[Path, dict[str, Any]], object], said: str, bundles: dict[str, Path], tmp_path: Path
) -> None:
    """A bundle that the unpacker refuses after the upload, passed here."""
    assert said in "\n".join(_spoilt(bundles["codabench"], tmp_path, "competition.yaml", spoil, codabench.check))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        *((lambda f, a, k=k: a.pop(k), k) for k in ("title", "description", "terms_and_conditions", "evaluation_script",
          "start_date", "leaderboard", "challenge_phases", "dataset_splits", "challenge_phase_splits")),
        (_remove("templates/description.html"), "description: no .html"),
        (_remove("annotations/test.json"), "test_annotation_file: no .json"),
        (lambda f, a: a.update(start_date=a["end_date"].replace(year=2099)), "start_date: after end_date"),
        (lambda f, a: a["leaderboard"][0]["schema"].update(default_order_by="X"), "not one of its labels"),
        (lambda f, a: a["challenge_phases"][1].update(codename="val"), "a codename twice"),
        (lambda f, a: a["challenge_phases"][1].update(is_restricted_to_select_one_submission=True), "exclude"),
        (lambda f, a: a["challenge_phase_splits"][0].pop("visibility"), "missing visibility"),
        (lambda f, a: a["challenge_phase_splits"][0].update(dataset_split_id=9), "not there"),
        (lambda f, a: a["challenge_phase_splits"].append(a["challenge_phase_splits"][0]), "twice"),
        (_remove("challenge_config.yaml"), "challenge_config.yaml: missing"),
    ],
)  # fmt: skip
def test_contract_of_evalai(
    spoil: Callable[[Path, dict[str, Any]], object], said: str, bundles: dict[str, Path], tmp_path: Path
) -> None:
    """A challenge that the validator refuses, passed here."""
    assert said in "\n".join(_spoilt(bundles["evalai"], tmp_path, "challenge_config.yaml", spoil, evalai.check))


def _spoilt(
    bundle: Path,
    folder: Path,
    name: str,
    spoil: Callable[[Path, dict[str, Any]], object],
    check: Callable[[Path], list[str]],
) -> list[str]:
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    assert check(folder) == []
    about = yaml.safe_load((folder / name).read_text())
    spoil(folder, about)
    if (folder / name).exists():
        (folder / name).write_text(yaml.safe_dump(about))
    return check(folder)


def test_another_python_is_told(data: Path, good: Path, tmp_path: Path) -> None:
    """Wheels made for another Python, which fail to load with words that nobody understands; the wrong image."""
    for name in ("numpy", "orjson", "pillow", "pyarrow"):
        zipped(tmp_path / f"{name}-1.0-cp399-cp399-linux.whl", (f"{name}.py", b""))
    write_bundle(Platform.codabench, tmp_path / "bundle.zip", open_dataset(str(data)), packages=str(tmp_path))
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        assert yaml.safe_load(archive.read("competition.yaml"))["docker_image"] == "python:3.99-slim"
    outcome = simulate("codabench", tmp_path / "bundle.zip", good)
    assert "expected Python 3.99; set the worker's image" in "\n".join(outcome.breaches)


def test_bad_usage(data: Path, tmp_path: Path, bundles: dict[str, Path], good: Path) -> None:
    """Dates in the wrong order, no wheels, hidden references, no such phase: words, and no file left behind."""
    with pytest.raises(InputError, match="no wheel of numpy, orjson, pillow, pyarrow"):
        made("codabench", tmp_path / "a.zip", data, packages=str(tmp_path))
    with pytest.raises(InputError, match="name an image that has numpy, orjson, pillow, pyarrow with --image"):
        write_bundle(Platform.codabench, tmp_path / "a.zip", open_dataset(str(data)), packages="none")
    with pytest.raises(InputError, match="is a folder"):
        write_bundle(Platform.codabench, tmp_path, open_dataset(str(data)))
    with pytest.raises(InputError, match="in this order"):
        write_bundle(
            Platform.evalai, tmp_path / "a.zip", open_dataset(str(data)), start="2027-05-01", test_start="2027-04-01"
        )
    with zipfile.ZipFile(bundles["evalai"].with_suffix(".public.zip")) as archive:
        archive.extractall(tmp_path / "public")
    with pytest.raises(InputError, match="no reference captions"):
        made("evalai", tmp_path / "a.zip", tmp_path / "public")
    with pytest.raises(InputError, match="no phase 'dev'"):
        simulate("evalai", bundles["evalai"], good, phase="dev")
    assert not list(tmp_path.glob("*.zip*"))


#: Of Python 3.10 and later, where `lowering` does nothing about them.
_NEWER = {"StrEnum", "pairwise", "batched", "UTC", "tomllib", "ExceptionGroup", "TypeAlias", "ParamSpec",
          "NotRequired", "Required", "assert_never", "slots", "kw_only"}  # fmt: skip


def test_the_harness_runs_on_older_pythons(bundles: dict[str, Path]) -> None:
    """EvalAI's workers have Python 3.9 at most: syntax and names that came later."""
    with zipfile.ZipFile(bundles["evalai"]) as archive:
        script = zipfile.ZipFile(io.BytesIO(archive.read("evaluation_script.zip")))
    harness = zipfile.ZipFile(io.BytesIO(script.read("harness.zip")))
    sources = [harness.read(name) for name in harness.namelist()]
    sources += [script.read(name) for name in ("__init__.py", "main.py", "prepare.py")]
    assert len(sources) > 30
    for source in sources:
        for node in ast.walk(ast.parse(source, feature_version=(3, 9))):
            assert type(node).__name__ not in ("Match", "TryStar")
            assert not {getattr(node, kind, "") for kind in ("id", "attr", "name", "arg")} & _NEWER
            assert not isinstance(node, ast.ImportFrom) or "Self" not in {alias.name for alias in node.names}
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "zip" or not node.keywords
                assert node.func.id != "isinstance" or not isinstance(node.args[1], ast.BinOp)


def test_lowered_source_means_the_same() -> None:
    """A `zip` that no longer notices different lengths, and an alternative that is lost."""
    source = """
from typing import Self
A = int | None
def f(x: A | str) -> Self:
    "Doc."
    return isinstance(x, int | str), list(zip([1, 2], x if isinstance(x, list) else [3, 4], strict=True))
"""
    space: dict[str, Any] = {}
    text = lowered(source)
    assert "from __future__" in text.splitlines()[0]
    exec(STRICT_ZIP, space)
    exec(text.replace("from strict_zip import strict_zip", ""), space)
    assert space["f"]("a") == (True, [(1, 3), (2, 4)])
    for wrong in ([1], [1, 2, 3]):
        with pytest.raises(ValueError, match="different lengths"):
            space["f"](wrong)


@pytest.mark.slow
@pytest.mark.skipif(
    not {"CAPONIMAGE_PYTHON39", "CAPONIMAGE_WHEELS39"} <= os.environ.keys(),
    reason="NOT TESTED: EvalAI's own Python. Set CAPONIMAGE_PYTHON39 (interpreter) and CAPONIMAGE_WHEELS39 (folder)",
)
def test_python_39_gives_the_same_bits(data: Path, good: Path, tmp_path: Path, test_split: Split) -> None:
    """Another numpy on another Python, and another last digit."""
    made("evalai", tmp_path / "bundle.zip", data, packages=os.environ["CAPONIMAGE_WHEELS39"])
    outcome = simulate("evalai", tmp_path / "bundle.zip", good, worker=Worker(os.environ["CAPONIMAGE_PYTHON39"]))
    assert (outcome.breaches, outcome.refused) == ([], "")
    (tmp_path / "preds.jsonl").write_bytes(content(good))
    home = evaluate(test_split, read_predictions(tmp_path / "preds.jsonl", test_split))
    full = json.loads(outcome.artefacts["submission_result"])
    assert full["scores"] == home.scores
    assert full["intervals"] == {name: list(pair) for name, pair in home.intervals().items()}


@pytest.mark.slow
@pytest.mark.parametrize("platform", PLATFORMS)
def test_mini_with_its_own_packages(platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle that works only where the harness is installed: here nothing but Python itself is in reach."""
    monkeypatch.delenv("CAPONIMAGE_CACHE")
    splits = open_dataset("mini")
    write_bundle(Platform(platform), tmp_path / "bundle.zip", splits, packages="installed", pictures=False)
    for name in ("val", "test"):
        split = splits[name]
        captions = [c if i % 3 else c[::-1] for i, c in enumerate(split.captions)]
        write_predictions(tmp_path / "preds.jsonl.gz", split, captions)
        path = zipped(tmp_path / "a.zip", ("preds.jsonl.gz", (tmp_path / "preds.jsonl.gz").read_bytes()))
        outcome = simulate(platform, tmp_path / "bundle.zip", path, phase=name)
        assert (outcome.breaches, outcome.refused) == ([], "")
        home = evaluate(split, captions).scores
        assert list(outcome.scores.values()) == [home[metric.name] for metric in BOARD]
