"""Reading pictures in shards: what is read once is kept, whatever is killed; bad pictures are rows with a reason."""

import hashlib
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fake_engine
import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
from PIL import Image

from benchmark.dataset.collect.account import Account
from benchmark.dataset.collect.choose import choose_all
from benchmark.dataset.collect.engines import open_engine
from benchmark.dataset.collect.geometry import covered, hull
from benchmark.dataset.collect.reading import (
    LAUNCHERS,
    SHARD,
    Shard,
    Share,
    _divided,
    read_all,
)
from benchmark.dataset.collect.reading_files import load_readings
from benchmark.dataset.collect.reading_progress import Progress
from benchmark.dataset.collect.records import Line, Listing, Reading
from benchmark.dataset.collect.rules import parse
from benchmark.errors import DamagedError, InputError
from benchmark.integrity import sha256_of

ROOT = Path(__file__).parents[3]
FIRST, SECOND = "fake_engine:first", "fake_engine:second"


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """File with a line for each picture that an engine reads."""
    path = tmp_path / "log.txt"
    path.touch()
    monkeypatch.setenv("FAKE_ENGINE_LOG", str(path))
    return path


def draw(folder: Path, count: int, seed: int = 0) -> list[Listing]:
    """Pictures of noise, each different."""
    folder.mkdir(exist_ok=True)
    dice = np.random.default_rng(seed)
    products = []
    for i in range(count):
        path = folder / f"{seed}-{i}.png"
        Image.fromarray(dice.integers(10, 256, (40, 60, 3), dtype=np.uint8)).save(path)
        products.append(Listing(f"{seed}-{i}", path))
    return products


def reads(log: Path) -> list[str]:
    return log.read_text().splitlines()


def loaded(folder: Path) -> dict[str, Reading]:
    return load_readings(folder, open_engine(FIRST), open_engine(SECOND))


def test_what_is_read_is_kept(tmp_path: Path, log: Path) -> None:
    """A rerun that reads again, or a new picture that costs all others again."""
    products = draw(tmp_path / "pictures", 5)
    told: list[Progress] = []
    summary = read_all(products, tmp_path, FIRST, jobs=1, on_progress=told.append)
    assert (summary.read, summary.kept) == (5, 0)
    assert (told[0].done, told[0].total, told[-1].done) == (0, 5, 5)
    found = summary.by_image(load_readings(tmp_path, open_engine(FIRST)))
    for product in products:
        picture = np.asarray(Image.open(product.path))
        reading = found[product.image_id]
        assert reading.lines == tuple(fake_engine.first().read(picture))
        assert reading.sha256 == hashlib.sha256(product.path.read_bytes()).hexdigest()
        assert (reading.width, reading.height, reading.problem) == (60, 40, "")
    log.write_text("")
    more = [*products, *draw(tmp_path / "pictures", 2, seed=1)]
    assert read_all(more, tmp_path, FIRST, jobs=1).read == 2
    assert read_all(more, tmp_path, FIRST, jobs=1).read == 0
    assert len(reads(log)) == 2


def test_the_same_bytes_under_two_ids_are_read_once(tmp_path: Path, log: Path) -> None:
    """A copy that is read again, or one that has no reading."""
    [product] = draw(tmp_path / "pictures", 1)
    copy = tmp_path / "copy.png"
    shutil.copy(product.path, copy)
    summary = read_all([product, Listing("copy", copy)], tmp_path, FIRST, jobs=1)
    found = summary.by_image(load_readings(tmp_path, open_engine(FIRST)))
    assert found["copy"] == found[product.image_id]
    assert len(reads(log)) == 1


def test_a_second_engine_costs_only_itself(tmp_path: Path, log: Path) -> None:
    """A second reading for which the first engine reads everything again, or that stays unused."""
    products = draw(tmp_path / "pictures", 3)
    read_all(products, tmp_path, FIRST, jobs=1)
    assert all(line.second is None for reading in loaded(tmp_path).values() for line in reading.lines)
    log.write_text("")
    assert read_all(products, tmp_path, FIRST, second=SECOND, jobs=1).read == 3
    assert {entry.split()[0] for entry in reads(log)} == {"other"}
    for reading in loaded(tmp_path).values():
        assert reading.lines[0].second == reading.lines[0].text


def test_what_only_the_second_engine_finds_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that the first engine has missed, left visible; a shape taken for text that hides half the picture."""
    [product] = draw(tmp_path / "pictures", 1)
    known, _ = fake_engine.first().read(np.asarray(Image.open(product.path)))
    corner = ((1.0, 1.0), (9.0, 1.0), (9.0, 5.0), (1.0, 5.0))
    nearly = tuple((x + 0.2, y) for x, y in known.corners)
    sure, unsure = Line("好", 0.9, corner), Line("日", 0.3, tuple((x + 40, y + 30) for x, y in corner))
    monkeypatch.setattr(
        fake_engine.FakeEngine, "read", lambda self, _: [known] if self.name == "fake" else [known, sure, unsure]
    )
    read_all([product], tmp_path, FIRST, second=SECOND, jobs=1)
    (found,) = loaded(tmp_path).values()
    assert found.others == (corner,)
    assert covered(hull(nearly, 60, 40), np.array([hull(known.corners, 60, 40)]))
    (alone,) = load_readings(tmp_path, open_engine(FIRST)).values()
    assert alone.others == ()


def test_another_key_is_another_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of other models taken for those of this engine."""
    products = draw(tmp_path / "pictures", 1)
    read_all(products, tmp_path, FIRST, jobs=1)
    monkeypatch.setattr(fake_engine, "first", lambda: fake_engine.FakeEngine("fake", "fake-2", 0.5))
    assert load_readings(tmp_path, open_engine(FIRST)) == {}


def test_shares_are_all_of_the_work(tmp_path: Path, log: Path) -> None:
    """Pictures that no share reads, or two of them."""
    products = draw(tmp_path / "pictures", 12)
    whole = tmp_path / "whole"
    read_all(products, whole, FIRST, jobs=1)
    log.write_text("")
    parts = tmp_path / "parts"
    for number in (3, 1, 2):
        share = Share.parse(f"{number}/3")
        summary = read_all(products, parts, FIRST, jobs=1, share=share)
        assert set(summary.digests) == {product.image_id for product in products if share.has(product.image_id)}
    assert len(reads(log)) == 12
    assert read_all(products, parts, FIRST, jobs=1).read == 0
    assert load_readings(parts, open_engine(FIRST)) == load_readings(whole, open_engine(FIRST))


def test_processes_read_the_same(tmp_path: Path, log: Path) -> None:
    """A pool whose processes read something else, or some pictures twice."""
    products = draw(tmp_path / "pictures", 6)
    for folder, jobs in ((tmp_path / "here", 1), (tmp_path / "pool", 2)):
        log.write_text("")
        read_all(products, folder, FIRST, jobs=jobs)
        assert len(reads(log)) == 6
    assert load_readings(tmp_path / "pool", open_engine(FIRST)) == load_readings(tmp_path / "here", open_engine(FIRST))


def test_batches_and_processes_choose_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Captions that depend on which file their picture's reading is in, or pictures that are in none and are lost."""
    products = draw(tmp_path / "pictures", 6)
    names, rules = (FIRST, SECOND), parse("allow_digits=true min_captions=1 max_length=99 slant=90")
    summary = read_all(products[:4], tmp_path, FIRST, second=SECOND, jobs=1)
    read_all(products[4:], tmp_path, FIRST, jobs=1)
    everything = replace(summary, digests={p.image_id: sha256_of(p.path) for p in products} | {"gone": "0" * 64})
    products.append(Listing("gone", tmp_path / "gone.png"))
    found = []
    for jobs in (1, 2):
        account, records = Account(), []
        for part in choose_all(products, everything, tmp_path, names, rules, jobs):
            records += part.records
            account.include(part.account)
        account.write(tmp_path / str(jobs))
        found.append((sorted(records, key=lambda record: record.image_id), account.stages))
        monkeypatch.setattr("benchmark.dataset.collect.choose.MANY", 0)
    assert found[0] == found[1]
    records, stages = found[0]
    assert [record.image_id for record in records] == sorted(product.image_id for product in products[:6])
    assert [record.captions[0].second is None for record in records] == [False] * 4 + [True] * 2
    assert [(stage.name, stage.images_in, stage.images_out) for stage in stages] == [("read", 7, 6), ("select", 6, 6)]
    files = [(tmp_path / jobs / "decisions" / "select.parquet").read_bytes() for jobs in "12"]
    assert files[0] == files[1]


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/2", "1/2/3"])
def test_no_share(text: str) -> None:
    """A share that is silently empty."""
    with pytest.raises(InputError, match="expected K/N"):
        Share.parse(text)


def test_launchers() -> None:
    """A launcher with a slip of the pen that runs another one."""
    with pytest.raises(InputError, match="launcher: got 'rya', expected " + " or ".join(LAUNCHERS)):
        read_all([], Path("nowhere"), FIRST, launcher="rya")


@pytest.mark.parametrize("count", [0, 1, 7, 1000])
@pytest.mark.parametrize("jobs", [1, 2, 64])
def test_shards_hold_each_picture_once(count: int, jobs: int) -> None:
    """A picture at the edge of a shard that is lost."""
    missing = [(f"{i:064}", Path(str(i))) for i in range(count)]
    shards = _divided(missing, Shard("engine", "key", Path("folder"), ()), jobs)
    assert [picture for shard in shards for picture in shard.pictures] == missing
    assert all(1 <= len(shard.pictures) <= SHARD for shard in shards)
    assert all(len(shard.pictures) == 1 for shard in shards[:jobs])


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.fixture
def bad(tmp_path: Path) -> dict[str, Path]:
    """Files that are no pictures which can be used, by name."""
    folder = tmp_path / "bad"
    folder.mkdir()
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    noise.save(folder / "whole.jpg")
    (folder / "truncated.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:1500])
    (folder / "whole.jpg").unlink()
    (folder / "text.jpg").write_text("no picture at all")
    (folder / "empty.png").touch()
    (folder / "folder.png").mkdir()
    Image.new("RGB", (1, 1)).save(folder / "tiny.png")
    Image.new("RGB", (4000, 40)).save(folder / "strip.png")
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0))
    (folder / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.png")
    return {"missing.png": folder / "missing.png", **{path.name: path for path in folder.iterdir()}}


def test_of_an_animation_the_first_picture_is_read(tmp_path: Path, log: Path) -> None:
    """Shops' pictures that are GIFs, whatever they are called, and all go; or one reading for each of their frames."""
    frames = [Image.new("RGB", (80, 60), colour) for colour in ("red", "lime")]
    frames[0].save(tmp_path / "a.jpg", "GIF", save_all=True, append_images=frames[1:])
    read_all([Listing("a", tmp_path / "a.jpg")], tmp_path, FIRST, jobs=1)
    (reading,) = load_readings(tmp_path, open_engine(FIRST)).values()
    assert (reading.width, reading.height, reading.problem) == (80, 60, "")
    assert reading.lines[0].text == "红255绿0"  # of the red frame
    assert len(reads(log)) == 1


def test_bad_pictures_are_readings_with_a_problem(tmp_path: Path, bad: dict[str, Path], log: Path) -> None:
    """A traceback, a process that waits for ever, or gigabytes of memory for one bad file among millions."""
    [good] = draw(tmp_path / "pictures", 1)
    products = [good, *(Listing(name, path) for name, path in bad.items())]
    summary = read_all(products, tmp_path, FIRST, jobs=1)
    found = summary.by_image(load_readings(tmp_path, open_engine(FIRST)))
    assert set(found) == {product.image_id for product in products}
    problems = {image_id: reading.problem for image_id, reading in found.items() if reading.problem}
    assert set(problems) == set(bad)
    assert "1 x 1 pixels" in problems["tiny.png"]
    assert "4000 x 40 pixels, expected one side at most 4 times the other" in problems["strip.png"]
    assert "more than 50,000,000 pixels" in problems["huge.png"]
    assert problems["missing.png"] == problems["folder.png"] == "no such file"
    assert not [problem for problem in problems.values() if str(tmp_path) in problem or "\n" in problem]
    assert len(reads(log)) == 1
    assert read_all(products, tmp_path, FIRST, jobs=1).read == 0


def test_unusual_pictures_are_read(tmp_path: Path) -> None:
    """CMYK, 16 bits, palettes, animations and turned pictures that are lost, or read as nobody sees them."""
    colours = np.random.default_rng(0).integers(0, 256, (48, 80, 3), dtype=np.uint8)
    plain = Image.fromarray(colours)
    folder = tmp_path / "pictures"
    folder.mkdir()
    plain.convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(colours[..., 0].astype(np.uint16) << 8).save(folder / "grey16.png")
    seen_through = plain.quantize(16)
    seen_through.save(folder / "palette.png", transparency=3)
    plain.save(folder / "animated.webp", save_all=True, append_images=[plain.rotate(180)], lossless=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    plain.save(folder / "turned.jpg", exif=exif)
    products = [Listing(path.name, path) for path in sorted(folder.iterdir())]
    found = read_all(products, tmp_path, FIRST, jobs=1).by_image(load_readings(tmp_path, open_engine(FIRST)))
    assert {image_id: reading.problem for image_id, reading in found.items()} == dict.fromkeys(found, "")
    sizes = {image_id: (reading.width, reading.height) for image_id, reading in found.items()}
    assert sizes == dict.fromkeys(found, (80, 48)) | {"turned.jpg": (48, 80)}
    assert found["animated.webp"].lines == tuple(fake_engine.first().read(colours))


def test_an_engine_that_fails_on_a_picture(tmp_path: Path) -> None:
    """One picture that ends a run of hours, or that is never tried again after the engine was repaired."""
    [product] = draw(tmp_path / "pictures", 1)
    bad = tmp_path / "bad.png"
    Image.new("RGB", (50, 50), fake_engine.FAILS).save(bad)
    products = [product, Listing("bad", bad)]
    for _ in range(2):
        summary = read_all(products, tmp_path, FIRST, jobs=1)
        found = summary.by_image(load_readings(tmp_path, open_engine(FIRST)))
        assert "engine fake failed on it (RuntimeError('this picture is too much" in found["bad"].problem
        assert not found[product.image_id].problem
    assert summary.read == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tesseract", "expected rapidocr, v4, faster-paddle, or module:function"),
        ("fake_engine:nothing", "cannot be found"),
        ("no_such_module:make", "cannot be found"),
        ("fake_engine:broken", "it has no method `read"),
        ("os:getcwd", "it has no method `read"),
    ],
)
def test_engines_that_cannot_be_used(name: str, said: str) -> None:
    """A traceback for a slip of the pen."""
    with pytest.raises(InputError) as caught:
        open_engine(name)
    assert said in str(caught.value)


def only_shard(folder: Path) -> Path:
    [path] = (folder / "readings").glob("*/*.parquet")
    return path


def test_damaged_readings_are_refused(tmp_path: Path) -> None:
    """A flipped bit in what was read that makes another data set, or a traceback of the Parquet library."""
    products = draw(tmp_path / "pictures", 1)
    read_all(products, tmp_path, FIRST, jobs=1)
    path = only_shard(tmp_path)
    whole = path.read_bytes()
    for place in (4, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        for use in (lambda: load_readings(tmp_path, open_engine(FIRST)), lambda: read_all(products, tmp_path, FIRST)):
            with pytest.raises(DamagedError, match="its SHA-256 is not its name; delete it"):
                use()
    path.unlink()
    for content in (b"", b"PAR1 not really PAR1"):
        (path.parent / f"{hashlib.sha256(content).hexdigest()}.parquet").write_bytes(content)
        with pytest.raises(DamagedError, match="no Parquet file that can be read"):
            load_readings(tmp_path, open_engine(FIRST))
        only_shard(tmp_path).unlink()


def test_columns_of_something_else_are_refused(tmp_path: Path) -> None:
    """A file of another format that is taken for readings."""
    read_all(draw(tmp_path / "pictures", 1), tmp_path, FIRST, jobs=1)
    path = only_shard(tmp_path)
    pq.write_table(pq.read_table(path).drop_columns(["hash"]), tmp_path / "other")
    content = (tmp_path / "other").read_bytes()
    (path.parent / f"{hashlib.sha256(content).hexdigest()}.parquet").write_bytes(content)
    with pytest.raises(DamagedError, match="has other columns"):
        load_readings(tmp_path, open_engine(FIRST))


#: A command that reads a folder in two processes.
COMMAND = """
import sys
from pathlib import Path
from benchmark import cli
from benchmark.dataset.collect.reading import read_all
from benchmark.dataset.collect.reading_progress import ProgressReport
from benchmark.dataset.collect.records import Listing
def main(pictures: Path, folder: Path) -> None:
    products = [Listing(path.name, path) for path in sorted(pictures.iterdir())]
    with ProgressReport() as report:
        read_all(products, folder, "fake_engine:first", second="fake_engine:second", jobs=2, on_progress=report.update)
if __name__ == "__main__":
    cli.run(main)
"""


@pytest.fixture
def command(tmp_path: Path) -> Iterator[list[str]]:
    (tmp_path / "script.py").write_text(COMMAND)
    yield [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "pictures")]
    for process in processes_about(tmp_path):
        process.kill()


def start(command: list[str], folder: Path, **environment: str) -> "subprocess.Popen[bytes]":
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    env = os.environ | {"PYTHONPATH": paths} | environment
    return subprocess.Popen([*command, str(folder)], env=env, stderr=subprocess.PIPE, start_new_session=True)


def processes_about(folder: Path) -> list[psutil.Process]:
    """Processes that were started for a test: all of them know the place of its log."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(folder) in process.environ().get("FAKE_ENGINE_LOG", "") and process.pid != os.getpid():
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]


def check_kills(tmp_path: Path, command: list[str], log: Path, pictures: int, kills: int) -> None:
    draw(tmp_path / "pictures", pictures)
    whole = start(command, tmp_path / "whole")
    _, said = whole.communicate(timeout=300)
    assert whole.returncode == 0, said.decode()
    assert f"fake: read {pictures} of {pictures} pictures".encode() in said
    assert len(reads(log)) == len(set(reads(log))) == 2 * pictures
    log.write_text("")
    dice, folder = random.Random(5), tmp_path / "killed"
    killed = 0
    while killed < kills:
        process = start(command, folder, FAKE_ENGINE_SECONDS="0.3")
        before = len(reads(log))
        enough = before + dice.randint(1, pictures // kills)
        while process.poll() is None and len(reads(log)) < enough:
            time.sleep(0.01)
        if process.poll() is not None:
            break
        children = psutil.Process(process.pid).children(recursive=True)
        workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
        if killed % 2 and workers:  # one of those that read
            dice.choice(workers).send_signal(signal.SIGKILL)
            _, said = process.communicate(timeout=60)
            assert process.returncode == 2
            assert b"what was read is kept" in said
            assert b"Traceback" not in said
        else:
            process.kill()
            process.communicate(timeout=60)
        killed += 1
        deadline = time.monotonic() + 10
        while processes_about(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert processes_about(tmp_path) == []
    assert killed == kills
    last = start(command, folder)
    _, said = last.communicate(timeout=300)
    assert last.returncode == 0, said.decode()
    assert loaded(folder) == loaded(tmp_path / "whole")
    # Beyond the shards in flight, of at most SHARD pictures in each of two processes, nothing was read twice.
    assert len(set(reads(log))) == 2 * pictures
    assert len(reads(log)) - 2 * pictures <= kills * 2 * SHARD
    assert not [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".parquet"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends signals that Windows does not have")
@pytest.mark.parametrize(("pictures", "kills"), [(20, 2), (400, 20)])
def test_killed(tmp_path: Path, command: list[str], log: Path, pictures: int, kills: int) -> None:
    """Processes that go on reading for nobody with their models loaded, or readings that are lost.

    The moments are random; the first one to be killed is the command itself, the next one a process that reads.
    """
    check_kills(tmp_path, command, log, pictures, kills)


@pytest.mark.slow
def test_ray_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks of Ray that read something else than processes do."""
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
    products = draw(tmp_path / "pictures", 20)
    read_all(products, tmp_path / "here", FIRST, jobs=1)
    try:
        read_all(products, tmp_path / "ray", FIRST, launcher="ray")
    finally:
        ray.shutdown()
    assert load_readings(tmp_path / "ray", open_engine(FIRST)) == load_readings(tmp_path / "here", open_engine(FIRST))
