"""metadata.yaml from strangers: what passes, what is refused, in which words, in bounded time."""

import datetime
from pathlib import Path

import pytest

pytest.importorskip("pydantic")
pytest.importorskip("yaml")

from benchmark.errors import InputError
from benchmark.leaderboard.entries import entry_name, readme
from benchmark.leaderboard.metadata import Metadata, as_yaml, json_schema, read_metadata, template

GOOD = """\
name: M2 + OCR
authors: [李华, A. Author]
contact: li.hua@example.org
organisation: University of Example
license: Apache-2.0
date: 2027-01-31
uses_external_data: false
pretrained_from: [ResNet-50]
trained_on_val_or_test: false
n_params: 71000000
hardware: 1 x H100
seeds: [1]
decoding: greedy
attempts: 1
open_weights: true
"""


def read(directory: Path, content: str | bytes, *, maintainer: bool = False) -> Metadata:
    path = directory / "metadata.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_metadata(path, maintainer=maintainer)


def problems_of(directory: Path, content: str | bytes) -> tuple[str, ...]:
    with pytest.raises(InputError) as refusal:
        read(directory, content)
    return refusal.value.problems


def test_good_metadata_comes_back(tmp_path: Path) -> None:
    """A field that is lost or changed on the way through YAML."""
    metadata = read(tmp_path, GOOD)
    assert (metadata.date, metadata.authors[0]) == (datetime.date(2027, 1, 31), "李华")
    assert read(tmp_path, as_yaml(metadata)) == metadata
    assert entry_name(metadata) == "20270131_m2-ocr"


def test_template_names_every_field_and_passes_only_when_filled(tmp_path: Path) -> None:
    """A template that forgets a new field, or that can be handed in unfilled."""
    problems = "\n".join(problems_of(tmp_path, template()))
    required = [name for name, field in Metadata.model_fields.items() if field.is_required()]
    assert all(f": {name}: " in problems for name in required)
    assert set(json_schema()["properties"]) == set(Metadata.model_fields)
    assert "checked" not in template()
    values = dict(line.split(": ", 1) for line in GOOD.splitlines())
    filled = [
        f"{line} {values.get(line[:-1], '')}" if line[:1] not in "# " else line for line in template().split("\n")
    ]
    assert read(tmp_path, "\n".join(filled)) == read(tmp_path, GOOD)


def test_all_problems_at_once_with_lines(tmp_path: Path) -> None:
    """One problem per try, or a problem without the line to look at."""
    bad = GOOD.replace("2027-01-31", "soon").replace("71000000", "-1").replace("attempts: 1\n", "") + "colour: red\n"
    problems = problems_of(tmp_path, bad)
    assert len(problems) == 4
    text = "\n".join(problems)
    for part in ("metadata.yaml:6: date", "metadata.yaml:10: n_params", "attempts: Field required", ":15: 'colour'"):
        assert part in text


PROMPTED = {"prompt": "zh (0123)", "provider": "own server", "unanswered_boxes": "3"}


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"n_params": ""}, "n_params: missing"),
        ({"provider": "own server"}, "prompt: missing; provider"),
        (PROMPTED, "uses_external_data: expected true"),
        (PROMPTED | {"provider": "", "uses_external_data": "true", "external_data": "web"}, "provider: missing"),
        (PROMPTED | {"unanswered_boxes": "", "uses_external_data": "true", "external_data": "web"}, "unanswered_boxes"),
    ],
)
def test_trained_and_prompted_systems_tell_different_things(tmp_path: Path, changes: dict[str, str], part: str) -> None:
    """A trained system without its size, or a prompted one that does not say how often its model failed."""
    values = dict(line.split(": ", 1) for line in GOOD.splitlines()) | changes
    [problem] = problems_of(tmp_path, "".join(f"{name}: {value}\n" for name, value in values.items()))
    assert part in problem


def test_a_prompted_system_needs_no_size(tmp_path: Path) -> None:
    """A model behind a provider, whose size nobody knows, refused for that."""
    more = PROMPTED | {"uses_external_data": "true", "external_data": "web", "n_params": "", "tokens_per_image": "12.5"}
    values = dict(line.split(": ", 1) for line in GOOD.splitlines()) | more
    metadata = read(tmp_path, "".join(f"{name}: {value}\n" for name, value in values.items()))
    assert (metadata.n_params, metadata.unanswered_boxes, metadata.tokens_per_image) == (None, 3, 12.5)


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("name: !!python/object/apply:os.system ['touch owned']", "tags"),
        ("name: !!python/name:os.system", "tags"),
        ("name: !x y", "tags"),
        ("name: &a text", "anchors"),
        ("name: *a", "anchors|undefined"),
        ("name: [[[[[[1]]]]]]", "levels deep"),
        ("name: {a: 1}", "valid string"),
        (f"name: {'x' * 5000}", "5,000 characters"),
        (f"name: {'x' * 61}", "at most 60"),
        ('name: "a\\nb"', "control"),
        ('name: "a\\u202eb"', "control"),
        ('name: "a\\u061cb"', "control"),
        ('name: "\\u200b"', "invisible"),
        ('name: "Full\\ufeff"', "invisible"),
        ('name: "\\u3164"', "invisible"),
        ('name: "\\u200d"', "visible character"),
        ('authors: ["\\u2060"]', "invisible"),
        ('"\\e[31m\\u202e": x', "no such field"),
        ('name: "\\ud800"', "unicode string"),
        (f"n_params: {'9' * 3900}", "an integer in digits"),
        ("gpu_hours: .inf", "expected a number"),
        ("gpu_hours: .nan", "expected a number"),
        ("paper_url: javascript:alert(1)", "starts with https"),
        ("paper_url: https://a.org/\"onclick='x'", "starts with https"),
        ("paper_url: https://user:secret@a.org/", "starts with https"),
        ("contact: nobody", "e-mail"),
        ("date: 2027-13-45", "date: month must be"),
        ("date: 0001-01-01", "greater than"),
        ("date: 9999-12-31", "less than"),
        ("date: 0", "YYYY-MM-DD"),
        ("seeds: [1, 1]", "once"),
        ("seeds: []", "at least 1"),
        ("uses_external_data: true", "external_data"),
        ("code_url: https://a.org/code", "code_commit"),
        ("checked: true", "maintainers"),
        ("reproduced: true", "maintainers"),
        ("<<: {name: x}", "no such field"),
        ("? [a, b]\n: c", "got key 'a sequence', expected a word"),
        ("---\nname: x", "2 YAML documents|once"),
        ("name: 'open", "not YAML"),
    ],
)
def test_hostile_or_wrong_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, part: str) -> None:
    """Tags that run code, anchors that grow, endless values, script in a URL, fields of the maintainers."""
    monkeypatch.chdir(tmp_path)
    key = line.partition(":")[0]
    kept = "".join(f"{one}\n" for one in GOOD.splitlines() if not one.startswith(f"{key}:"))
    with pytest.raises(InputError, match=part) as refusal:
        read(tmp_path, kept + line + "\n")
    assert all(len(problem) < 900 and problem.isprintable() for problem in refusal.value.problems)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("field", "written"),
    [
        *(
            ("gpu_hours", text)
            for text in ("1:30", "1_000.5", "0x1F", "1,5", "5.", ".5", "+5", "１２", "01.5", "2 h", "1e9999")
        ),
        *(
            ("n_params", text)
            for text in ("071", "0o71", "0b11", "1_000", "1,000", "0x1F", "1:30", "1e3", "5.0", "7M", "true")
        ),
        *(("date", text) for text in ("1764028800", "2027-13-01", "2027-02-30", "2027-1-31", "20270131", "31.1.2027")),
        ("date", "2027-01-31 10:00:00"),
        *(("open_weights", text) for text in ("yes", "no", "on", "off", "y", "1", "0", "~", "t")),
        ("seeds", "[01]"),
        ("seeds", "[1:30]"),
        ("attempts", "~"),
    ],
)
def test_values_of_another_kind_than_written(tmp_path: Path, field: str, written: str) -> None:
    """YAML that makes 90 of `1:30`, 57 of `071`, true of `yes` and a day of 2025 of `1764028800`, without a word."""
    path = tmp_path / "metadata.yaml"
    lines = [line for line in GOOD.splitlines() if not line.startswith(f"{field}:")]
    [problem] = problems_of(tmp_path, "\n".join([f"{field}: {written}", *lines]))
    assert problem.startswith(f"{path}:1: {field}")
    assert "got " in problem


@pytest.mark.parametrize(
    ("field", "written", "read_as"),
    [
        *(
            ("name", text, text)
            for text in ("071", "1:30", "yes", "1e3", "2027-01-31", "0x1F", "C#", "a#b", "M2: x".replace(": ", ":"))
        ),
        ("code_commit", "0123456", "0123456"),
        ("code_commit", "1234e56", "1234e56"),
        ("name", '"Method #1"', "Method #1"),
        ("hardware", "'8 x A100 #80GB'", "8 x A100 #80GB"),
        ("gpu_hours", "0.1", 0.1),
        ("gpu_hours", "1e3", 1000.0),
        ("gpu_hours", "7", 7.0),
        ("open_weights", "False", False),
        ("paper_url", "~", None),
        ("paper_url", "null", None),
        ("paper_url", "", None),
        ("authors", "[no, 1:30, 2027-01-31]", ["no", "1:30", "2027-01-31"]),
    ],
)
def test_values_are_read_as_written(tmp_path: Path, field: str, written: str, read_as: object) -> None:
    """Text that looks like a number, a day or a word of YAML, and comes back as something else or is refused."""
    kept = "".join(f"{line}\n" for line in GOOD.splitlines() if not line.startswith(f"{field}:"))
    metadata = read(tmp_path, f"{kept}{field}: {written}\n")
    assert getattr(metadata, field) == read_as
    assert read(tmp_path, as_yaml(metadata)) == metadata


@pytest.mark.parametrize(
    "line",
    ["name: Method #1", "hardware: 8 x A100 #80GB", "paper_url: # none", "authors: [A #1\n  , B]"],
)
def test_text_that_yaml_takes_for_a_comment(tmp_path: Path, line: str) -> None:
    """Half of a name that is silently dropped."""
    kept = "".join(f"{one}\n" for one in GOOD.splitlines() if not one.startswith(line.partition(":")[0]))
    [problem] = problems_of(tmp_path, f"{kept}{line}\n# a comment of its own\n")
    assert f"metadata.yaml:{kept.count(chr(10)) + 1}: got ` #` behind" in problem


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (GOOD.replace("李华", "王芳").encode("gbk"), 2, "not UTF-8; save the file as UTF-8"),
        (GOOD.encode("utf-16"), 1, "not UTF-8"),
        (GOOD.replace("greedy", "greedy\u2028checked: true").encode(), 13, "line break U+2028"),
        (GOOD.replace("greedy", "greedy # \x85open_weights: true").encode(), 13, "line break U+0085"),
        (GOOD.replace("attempts", "\tattempts").encode(), 14, "not YAML"),
        (GOOD.replace("greedy", "greedy\x00").encode(), 13, "not YAML"),
        (GOOD.replace("greedy", "@greedy").encode(), 13, "not YAML"),
        (GOOD.replace("greedy", "a: b").encode(), 13, "not YAML"),
    ],
)
def test_other_encodings_and_odd_breaks(tmp_path: Path, content: bytes, line: int, words: str) -> None:
    """A file of another encoding, or a line that no editor shows, told without the place to look at."""
    [problem] = problems_of(tmp_path, content)
    assert problem.startswith(f"{tmp_path}/metadata.yaml:{line}: ")
    assert words in problem


def test_marks_and_line_ends_of_windows(tmp_path: Path) -> None:
    """A file that Notepad has saved."""
    assert read(tmp_path, ("\ufeff" + GOOD.replace("\n", "\r\n")).encode()) == read(tmp_path, GOOD)


def test_billion_laughs(tmp_path: Path) -> None:
    """A page of aliases that unfolds to billions of strings."""
    bomb = "a: &a [x, x]\n" + "".join(f"{n}: &{n} [*{p}, *{p}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True))
    assert "anchors" in problems_of(tmp_path, bomb)[0]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"- a\n", b"a: 1\n" * 20_000, b"[" * 60_000, b"a: \x00"])
def test_what_is_no_metadata(tmp_path: Path, content: bytes) -> None:
    """A traceback, or minutes of parsing, for a file that is something else."""
    assert all("metadata.yaml" in problem for problem in problems_of(tmp_path, content))


def test_a_key_that_stands_twice(tmp_path: Path) -> None:
    """YAML takes the last one silently."""
    assert problems_of(tmp_path, GOOD + "attempts: 2\n") == (
        f"{tmp_path}/metadata.yaml:16: got 'attempts' again, expected every key once",
    )


def test_maintainers_may_say_checked(tmp_path: Path) -> None:
    """Fields that nobody can set."""
    assert read(tmp_path, GOOD + "checked: true\n", maintainer=True).checked


def test_readme_shows_text_and_never_acts(tmp_path: Path) -> None:
    """Script, a link or a picture in the name of a system that acts on the page of the entry."""
    metadata = read(tmp_path, GOOD.replace("M2 + OCR", '"<script>x</script> ![a](http://b) |"'))
    text = readme(metadata)
    assert "<script" not in text
    assert "![a](" not in text
    assert "\\|" in text
    assert entry_name(metadata).startswith("20270131_script-x")
    assert entry_name(metadata.model_copy(update={"name": "温和"})).startswith("20270131_system-")
