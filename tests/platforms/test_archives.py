"""Archives of strangers: each trick is refused in words, in bounded time and memory, and leaves nothing on the disk."""

import io
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from benchmark.errors import InputError
from benchmark.platforms.archives import Limits, is_archive, unpack

_LINE = b'{"image_id": "a", "box": 0, "caption": "x"}\n'


def zipped(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for member, content in members:
            archive.writestr(member, content)
    return path


def refusal(path: Path, limits: Limits = Limits()) -> str:  # noqa: B008
    """The words of the refusal; nothing may have been written beside the archive."""
    before = set(path.parent.rglob("*"))
    with pytest.raises(InputError) as refused:
        unpack(path, path.parent / "out", limits)
    assert set(path.parent.rglob("*")) == before
    assert str(refused.value).isprintable() or "\n" in str(refused.value)
    return str(refused.value)


def info(name: str, mode: int) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.create_system, made.external_attr = 3, mode << 16
    return made


def test_a_plain_archive(tmp_path: Path) -> None:
    """What people and Macintosh computers make must be taken."""
    path = zipped(
        tmp_path / "a.zip",
        ("sub/", b""),
        ("sub/preds.jsonl", _LINE),
        ("__MACOSX/sub/._preds.jsonl", b"\0\5\x16\7"),
        ("sub/.DS_Store", b"x"),
    )
    assert is_archive(path)
    assert unpack(path, tmp_path / "out") == ["sub/preds.jsonl"]
    assert (tmp_path / "out/sub/preds.jsonl").read_bytes() == _LINE
    assert sorted(p.name for p in (tmp_path / "out").rglob("*")) == ["preds.jsonl", "sub"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/etc/passwd", "absolute"),
        ("C:preds.jsonl", "absolute"),
        ("\\\\host\\x", "absolute"),
        ("../preds.jsonl", "leads out"),
        ("a/../../b", "leads out"),
        ("a\\..\\b", "leads out"),
        ("a//b", "odd name"),
        ("./a", "odd name"),
        ("-rf", "odd name"),
        ("a\x1b[31m", "odd name"),
        ("a\nb", "odd name"),
        ("ａ.jsonl", "odd name"),
        ("a\u202eb", "odd name"),
        ("a" * 200, "odd name"),
        ("/".join("abcdefgh"), "odd name"),
        ("a\0.jsonl", "odd name"),
    ],
)
def test_names(tmp_path: Path, name: str, said: str) -> None:
    """A file written outside the folder, or under a name that acts on whoever lists it."""
    made = zipfile.ZipInfo("x")
    made.filename = made.orig_filename = name
    path = zipped(tmp_path / "a.zip", (made, _LINE))
    assert said in refusal(path)


@pytest.mark.parametrize(("kind", "said"), [(stat.S_IFLNK, "a link"), (stat.S_IFIFO, "pipe"), (stat.S_IFCHR, "device")])
def test_links_and_devices(tmp_path: Path, kind: int, said: str) -> None:
    """A link to a file of the organiser, read as predictions and shown in an error message."""
    assert said in refusal(zipped(tmp_path / "a.zip", (info("preds.jsonl", kind | 0o777), b"/etc/passwd")))


def test_all_problems_at_once(tmp_path: Path) -> None:
    """One refusal per upload, ten uploads until all is told."""
    told = refusal(
        zipped(tmp_path / "a.zip", ("/a", b""), ("../b", b""), (info("c", stat.S_IFLNK), b"d"), ("e f", b""))
    )
    assert told.count("\n") == 3


def test_bombs(tmp_path: Path) -> None:
    """Kilobytes that become gigabytes: told by the declared size, and by what comes out where that lies."""
    path = zipped(tmp_path / "a.zip", ("preds.jsonl", bytes(20 << 20)))
    assert path.stat().st_size < 30_000
    limits = Limits(unpacked=1 << 20)
    assert "unpacks to 20,971,520 bytes" in refusal(path, limits)
    lying = bytearray(path.read_bytes())
    entry = lying.rindex(b"PK\x01\x02")
    lying[entry + 24 : entry + 28] = struct.pack("<L", 100)  # says: a hundred bytes
    path.write_bytes(lying)
    assert "broken zip archive" in refusal(path, limits)
    several = zipped(tmp_path / "b.zip", *[(f"m{i}", bytes(90_000)) for i in range(12)])
    assert "unpacks to 1,080,000 bytes" in refusal(several, limits)


def test_overlapping_members(tmp_path: Path) -> None:
    """A bomb without nesting: every member of the list points to the same packed bytes."""
    path = zipped(tmp_path / "a.zip", ("m00", bytes(1 << 20)))
    whole = path.read_bytes()
    at = whole.index(b"PK\x01\x02")
    entry, end = whole[at:-22], bytearray(whole[-22:])
    entries = b"".join(entry.replace(b"m00", b"m%02d" % i) for i in range(15))
    end[8:12] = struct.pack("<HH", 15, 15)
    end[12:16] = struct.pack("<L", len(entries))
    path.write_bytes(whole[:at] + entries + bytes(end))
    assert "unpacks to 15,728,640 bytes" in refusal(path, Limits(unpacked=4 << 20))
    refusal(path)  # within the size, and still not what it says it is


def test_lists_of_members(tmp_path: Path) -> None:
    """A list of a million names, whose reading alone takes all memory; a list longer than its end says."""
    path = zipped(tmp_path / "a.zip", *[(f"m{i}", b"") for i in range(300)])
    assert "got 300 members" in refusal(path)
    lying = bytearray(path.read_bytes())
    lying[-14:-10] = struct.pack("<HH", 1, 1)
    path.write_bytes(lying)
    assert "in a list of" in refusal(path)
    few = zipped(tmp_path / "b.zip", *[(f"m{i}", b"") for i in range(25)])
    lying = bytearray(few.read_bytes())
    lying[-14:-10] = struct.pack("<HH", 1, 1)
    few.write_bytes(lying)
    assert "got 25 members" in refusal(few)


@pytest.mark.parametrize(("first", "second"), [("a", "a"), ("a.jsonl", "A.jsonl"), ("a", "a/b"), ("a/", "a")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice(tmp_path: Path, first: str, second: str) -> None:
    """Two readers that take different ones of two files."""
    told = refusal(zipped(tmp_path / "a.zip", (first, b""), (second, _LINE)))
    assert "2 times" in told or "a file and a folder" in told


def test_nested_archives(tmp_path: Path) -> None:
    """An archive in an archive in an archive; a tar file is one as well, whatever its name."""
    inner = zipped(tmp_path / "inner", ("x", b"x")).read_bytes()
    (tmp_path / "inner").unlink()
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as file:
        file.addfile(tarfile.TarInfo("x"))
    for content, kind in ((inner, "zip"), (tar.getvalue(), "tar"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"BZh9", "bzip2")):
        path = zipped(tmp_path / "a.zip", ("preds.jsonl", content))
        assert f"a {kind} archive in the archive" in refusal(path)
    assert unpack(zipped(tmp_path / "a.zip", ("x.zip", inner)), tmp_path / "out", Limits(archives=True)) == ["x.zip"]


def test_encrypted_and_odd_compression(tmp_path: Path) -> None:
    """A crash for a password, and decompressors whose memory nobody bounds."""
    path = zipped(tmp_path / "a.zip", ("preds.jsonl", _LINE))
    locked = bytearray(path.read_bytes())
    locked[locked.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(locked)
    assert "encrypted" in refusal(path)
    assert "compression method 14" in refusal(
        zipped(tmp_path / "b.zip", ("preds.jsonl", _LINE), method=zipfile.ZIP_LZMA)
    )


def test_zip64_and_comments(tmp_path: Path) -> None:
    """A second record of the end, with other numbers than the one that was checked."""
    path = zipped(tmp_path / "a.zip", ("preds.jsonl", _LINE))
    whole = path.read_bytes()
    path.write_bytes(whole[:-22] + b"PK\x06\x07" + bytes(16) + whole[-22:])
    assert "zip64" in refusal(path)
    path.write_bytes(whole[:-2] + b"\2\0hi")
    assert "comment" in refusal(path)


@pytest.mark.parametrize("cut", [0, 3, 21, 60, 100])
def test_broken_archives(tmp_path: Path, cut: int) -> None:
    """A traceback for an upload that broke off, or for bits that changed on the way."""
    path = zipped(tmp_path / "a.zip", ("preds.jsonl", _LINE * 9))
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    assert "not a zip archive" in refusal(path)
    spoilt = bytearray(whole)
    for i in range(cut, min(cut + 40, len(whole) - 22)):
        spoilt[i] ^= 0x55
    path.write_bytes(spoilt)
    refusal(path)


def test_the_file_itself(tmp_path: Path) -> None:
    """A traceback for a path that is none, and reading an archive of any size."""
    assert "cannot read" in refusal(tmp_path / "nowhere.zip")
    large = tmp_path / "a.zip"
    with large.open("wb") as file:
        file.truncate(Limits().packed + 1)
    assert "expected at most 67,108,864" in refusal(large)
