"""Review by people: what is asked, what is answered, and what becomes of the captions."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from collect_candidates import candidate, record, texts
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmark.dataset.collect.account import Account
from benchmark.dataset.collect.records import WHOLE, Candidate, Record
from benchmark.dataset.collect.review.answers import (
    FORMAT,
    Answer,
    Answers,
    check_answers,
    keep_answers,
    kept_answers,
    read_answer_file,
)
from benchmark.dataset.collect.review.label_studio import read_export, write_tasks
from benchmark.dataset.collect.review.questions import only, questions
from benchmark.dataset.collect.review.stage import disputed, review, told
from benchmark.dataset.collect.rules import PRESETS, to_dict
from benchmark.dataset.collect.state import Collection, write_state
from benchmark.errors import DamagedError, InputError
from benchmark.integrity import sha256_of

RULES = PRESETS["default"]
ASKED: dict[str, Any] = {
    **{"out": "../mine", "annotations": "", "engine": "rapidocr", "second": "v4", "name": "mine", "seed": ""},
    **{"pictures": None, "table": None, "side": 256, "rules": to_dict(RULES), "shares": {"val": 0.1}},
}
TEXTS = ["柔软亲肤", "透气排汗", "经典百搭"]
KEYS = [("a", "", i, text) for i, text in enumerate(TEXTS)]
KEEP, DROP, PRODUCT = Answer("keep"), Answer("drop"), Answer("product")


def one(*captions: str, image_id: str = "a") -> Record:
    return record(*(candidate(text, line) for line, text in enumerate(captions or TEXTS)), image_id=image_id)


def says(reviewer: str, *answers: Answer | None, image_id: str = "a") -> Answers:
    """A reviewer's answers about the captions of one image in their order; None: no answer."""
    pairs = [(line, TEXTS[line], answer) for line, answer in enumerate(answers) if answer]
    given = {(image_id, "", i, read): Answer("keep", read) if a == KEEP else a for i, read, a in pairs}
    return Answers(reviewer, given)


def test_what_one_reviewer_says_is_done() -> None:
    """A caption that was dropped and stays, or a correction that is lost."""
    done = review({"val": [one()]}, [says("Li", KEEP, DROP, Answer("keep", "经典耐看"))], RULES)
    assert texts(done.splits["val"][0]) == ["柔软亲肤", "经典耐看"]
    assert [(d.line, d.text, d.reason) for d in done.drops] == [(1, "透气排汗", "dropped by reviewers")]
    assert (done.answered, done.corrected, done.twice, done.captions) == (3, 1, 0, {"val": 3})
    assert told(done) == (
        "1 person looked at captions of val: Li (3). 3 of 3 captions were looked at, 0 of them by two or more; "
        "dropped: 1, corrected: 1."
    )


def test_an_image_with_too_few_captions_left_goes() -> None:
    """An image with one caption, which no other stage would pass on."""
    done = review({"test": [one()]}, [says("Li", DROP, PRODUCT)], RULES)
    assert done.splits["test"] == []
    assert [d.reason for d in done.drops if d.line == WHOLE] == ["too few captions"]


def test_the_commonest_answer_wins_and_a_tie_goes() -> None:
    """Two reviewers who disagree, and the louder one, or the first one, decides."""
    two = [says("A", KEEP, KEEP, KEEP), says("B", KEEP, DROP, Answer("keep", "经典"))]
    done = review({"val": [one(*TEXTS, "轻盈保暖")]}, two, RULES)
    assert texts(done.splits["val"][0]) == ["柔软亲肤", "轻盈保暖"]
    assert [d.reason for d in done.drops] == ["reviewers disagree"] * 2
    assert disputed(two) == {KEYS[1], KEYS[2]}
    third = says("C", None, DROP, KEEP)
    done = review({"val": [one()]}, [*two, third], RULES)
    assert texts(done.splits["val"][0]) == ["柔软亲肤", "经典百搭"]
    assert (done.twice, done.same) == (3, 1)
    assert disputed([*two, third]) == set()


def test_agreement_is_krippendorffs_alpha_of_the_verdicts() -> None:
    """A number with a good name that is something else; worked out by hand from the definition.

    Pairs of values: keep-keep, keep-drop, drop-drop: 2 of 6 values are in units that disagree, n_keep = 3, n_drop = 3,
    so alpha = 1 - 5 * 2 / (2 * 3 * 3) = 4 / 9.
    """
    done = review({"val": [one()]}, [says("A", KEEP, KEEP, DROP), says("B", KEEP, DROP, DROP)], RULES)
    assert done.alpha == pytest.approx(4 / 9)
    alone = review({"val": [one()]}, [says("A", KEEP)], RULES)
    assert math.isnan(alone.alpha)


def test_a_correction_that_the_rules_would_not_keep_goes_with_their_reason() -> None:
    """A correction that repeats another caption of its image, or has digits that no caption has."""
    done = review({"val": [one()]}, [says("A", Answer("keep", "透气排汗"))], RULES)
    assert [d.reason for d in done.drops] == ["repeated in the picture"]
    done = review({"val": [one()]}, [says("A", Answer("keep", "柔软3倍"))], RULES)
    assert [d.reason for d in done.drops] == ["digit"]


def test_corrections_are_compared_with_what_stays() -> None:
    """Two captions that become the same, or one that repeats a caption which goes."""
    done = review({"val": [one(*TEXTS, "高腰显瘦")]}, [says("A", *[Answer("keep", "轻盈保暖")] * 2)], RULES)
    assert [d.reason for d in done.drops] == ["repeated in the picture"] * 2
    done = review({"val": [one()]}, [says("A", Answer("keep", "透气排汗"), DROP)], RULES)
    assert texts(done.splits["val"][0]) == ["透气排汗", "经典百搭"]


def test_answers_about_another_picture_do_not_count() -> None:
    """A picture that was exchanged under its id, and is called reviewed."""
    other = record(*one().captions, sha256="f" * 64)
    done = review({"val": [other]}, [says("A", KEEP, DROP)], RULES)
    assert (done.answered, done.stale) == (0, 2)


def test_answers_about_captions_that_are_gone_are_counted() -> None:
    """Changed rules after a review, and answers that are silently lost."""
    done = review({"val": [one("柔软亲肤", "高腰显瘦")]}, [says("A", KEEP, KEEP)], RULES)
    assert done.stale == 1
    assert "1 answers are about captions that are no longer there" in told(done)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
ANSWERS = st.one_of(
    st.none(), st.just(KEEP), st.just(DROP), st.just(PRODUCT), st.sampled_from(TEXTS).map(lambda t: Answer("keep", t))
)


@given(st.lists(st.lists(ANSWERS, min_size=3, max_size=3), max_size=4))
@settings(max_examples=60, deadline=None)
def test_every_caption_stays_or_has_one_reason(given_answers: list[list[Answer | None]]) -> None:
    """A caption that a review loses without a trace; the account refuses sums that do not close."""
    before = [one(), one(image_id="b")]
    done = review({"val": before}, [says(f"R{i}", *each) for i, each in enumerate(given_answers)], RULES)
    account = Account()
    account.add("review", before, done.splits["val"], done.drops)
    lines = [(d.image_id, d.line) for d in done.drops if d.line != WHOLE]
    kept = [(r.image_id, c.line) for r in done.splits["val"] for c in r.captions]
    assert sorted(lines + kept) == [(image_id, line) for image_id in "ab" for line in range(3)]


# Files of answers


def file_of(*entries: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"format": FORMAT, "reviewer": "Li", "answers": list(entries)} | changes


def entry(line: int = 0, verdict: str = "keep", text: str | None = "柔软亲肤", **changes: Any) -> dict[str, Any]:
    said = {"text": text} if text is not None else {}
    return {"image_id": "a", "sha256": "", "line": line, "read": TEXTS[line], "verdict": verdict} | said | changes


def problems_of(content: Any) -> list[str]:
    return check_answers(content, "li.json", RULES)[1]


def test_good_answers_are_read() -> None:
    """A reviewer's work that is refused."""
    answers, problems = check_answers(
        file_of(entry(), entry(1, "drop", None), entry(2, text=" 经典 耐看！")), "li.json", RULES
    )
    assert problems == []
    assert answers is not None
    assert answers.given == {KEYS[0]: Answer("keep", "柔软亲肤"), KEYS[1]: DROP, KEYS[2]: Answer("keep", "经典耐看")}


def test_all_problems_are_told_at_once() -> None:
    """A reviewer who is asked to send a file again for each mistake."""
    found = problems_of(
        file_of(
            entry(verdict="maybe"),
            entry(text="柔"),
            entry(text=7),  # type: ignore[arg-type]
            entry(image_id=7),
            entry(text="柔软\ud83d"),
            entry(read="柔软\ud83d"),
            entry(text="柔软\x07"),
            entry(line=True),
            entry(),
            entry(),
            "keep",  # type: ignore[arg-type]
            reviewer="Li\u202e",
        )
    )
    said = "\n".join(found)
    for words in (
        "reviewer: got",
        "verdict: got 'maybe'",
        "(too short)",
        "text: got 7",
        "image_id: got 7",
        "line: got True",
    ):
        assert words in said
    assert "answers [9]: its caption has an answer before" in said
    assert len(found) == 11


@given(JSON)
def test_anything_may_stand_in_a_file(content: Any) -> None:
    """A traceback on a hostile file."""
    assert problems_of(content)
    assert problems_of(file_of(content) if content is not None else {"format": FORMAT})


def test_kept_answers_come_back_and_are_checked(tmp_path: Path) -> None:
    """Answers under a name that leaves the folder, or that somebody has changed since."""
    answers = [says("../../etc", KEEP, DROP), says("李", PRODUCT)]
    keep_answers(tmp_path, answers)
    assert sorted(kept_answers(tmp_path), key=lambda a: a.reviewer) == sorted(answers, key=lambda a: a.reviewer)
    files = sorted((tmp_path / "review").iterdir())
    assert len(files) == 2
    files[0].write_text(files[0].read_text(encoding="utf-8").replace(FORMAT, "other"), encoding="utf-8")
    with pytest.raises(DamagedError, match="import the answers again"):
        kept_answers(tmp_path)
    files[0].write_text('{"format": 1, "format": 2}')
    with pytest.raises(InputError, match="not JSON"):
        read_answer_file(files[0])


# Questions, and Label Studio


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A working folder with two images of val and one of train."""
    folder = tmp_path / "work"
    folder.mkdir()
    records = []
    for i, image_id in enumerate("abt"):
        path = tmp_path / f"{image_id}.png"
        Image.new("RGB", (1000, 1000), (40 * i, 90, 120)).save(path)
        made = one(image_id=image_id)
        captions = tuple(
            replace(caption, score=0.9 + i / 100, likelihood=-3.0 + k + i, second=caption.text)
            for k, caption in enumerate(made.captions)
        )
        records.append(
            replace(made, product=replace(made.product, path=path, title="夏季 <b>新款</b>"), captions=captions)
        )
    splits = {"train": records[2:], "val": records[:2]}
    products = [each.product for each in records]
    digests = {product.image_id: sha256_of(product.path) for product in products}
    write_state(folder, Collection(ASKED, {}), products, digests, splits, splits)
    return folder


def test_the_riskiest_image_is_asked_first(work: Path) -> None:
    """Reviewers who run out of time before they come to what was misread."""
    asked = questions(work)
    assert [image.product.image_id for image in asked] == ["a", "b"]
    assert asked[0].risk == pytest.approx(5 / 6)
    assert [q.read for q in asked[0].questions] == TEXTS
    assert [image.product.image_id for image in questions(work, ["train"])] == ["t"]
    assert [len(image.questions) for image in only(asked, {("b", asked[1].sha256, 1, TEXTS[1])})] == [1]
    with pytest.raises(InputError, match="no image in split 'other'"):
        questions(work, ["other"])


def test_a_differing_second_reading_is_the_greatest_risk(work: Path) -> None:
    """The evidence that finds most errors, lost among numbers."""
    asked = questions(work)
    caption = Candidate(0, "柔软亲肤", (0, 0, 1, 1), score=1.0, second="柔软亲扶", likelihood=0.0)
    made = replace(one(image_id="z"), captions=(caption, *one().captions[1:]))
    product = replace(made.product, path=asked[0].product.path)
    records = [replace(made, product=product)]
    write_state(work, Collection(ASKED, {}), [product], {}, {"val": records}, {"val": records})
    assert questions(work)[0].questions[0].risk == 1


def annotated(tasks: list[dict[str, Any]], author: Any = 1) -> list[dict[str, Any]]:
    """The export of somebody who accepts all predictions."""
    return [
        {
            "id": i,
            "data": task["data"],
            "annotations": [{"completed_by": author, "result": task["predictions"][0]["result"]}],
        }
        for i, task in enumerate(tasks)
    ]


def test_label_studio_gives_back_what_it_was_given(work: Path, tmp_path: Path) -> None:
    """A round trip that changes captions; boxes in pixels where the tool wants per cent."""
    asked = questions(work)
    write_tasks(asked, tmp_path / "tasks")
    tasks = json.loads((tmp_path / "tasks" / "tasks.json").read_text(encoding="utf-8"))
    first = tasks[0]["predictions"][0]["result"][0]
    assert first["value"] == {"x": 0, "y": 0, "width": 50, "height": 10, "rotation": 0, "rectanglelabels": ["keep"]}
    assert (first["original_width"], tasks[0]["data"]["image"]) == (1000, "/data/local-files/?d=images/0.jpg")
    assert Image.open(tmp_path / "tasks" / "images" / "0.jpg").size == (1000, 1000)

    export = annotated(tasks, {"id": 3, "email": "li@example.org"})
    results = export[0]["annotations"][0]["result"]
    results[3]["value"]["text"] = ["透气不闷"]  # the text of the second caption
    del results[4:]  # the third rectangle, and its text
    results.append({"id": "new", "value": {"x": 1, "y": 1, "width": 5, "height": 5, "rectanglelabels": ["keep"]}})
    found = read_export(export, "export.json")
    assert (len(found.files), found.new, found.problems) == (1, 1, [])
    known = [(i.product.image_id, i.sha256, q.line, q.read) for i in asked for q in i.questions]
    answers, problems = check_answers(found.files[0], "export.json", RULES)
    assert problems == []
    assert answers is not None
    assert answers.reviewer == "li@example.org"
    kept = {key: Answer("keep", key[3]) for key in known}
    kept[known[1]], kept[known[2]] = Answer("keep", "透气不闷"), DROP
    assert answers.given == kept


def test_label_studio_accepts_the_tasks(work: Path, tmp_path: Path) -> None:
    """Tasks that the tool refuses or shows without captions; its own package checks them where it is installed."""
    interface = pytest.importorskip("label_studio_sdk.label_interface", reason="Label Studio's package is missing")
    write_tasks(questions(work), tmp_path / "tasks")
    config = interface.LabelInterface((tmp_path / "tasks" / "config.xml").read_text(encoding="utf-8"))
    config.validate()
    for task in json.loads((tmp_path / "tasks" / "tasks.json").read_text(encoding="utf-8")):
        [prediction] = task.pop("predictions")
        assert config.validate_task(task)
        assert config.validate_prediction(prediction, return_errors=True) == []
        prediction["result"][0]["type"] = "rectangle"
        assert config.validate_prediction(prediction, return_errors=True)


def test_an_annotation_without_the_captions_is_a_mistake_and_the_last_of_several_counts(
    work: Path, tmp_path: Path
) -> None:
    """Somebody who presses Submit before the predictions are shown, and a whole split that is gone."""
    write_tasks(questions(work), tmp_path / "tasks")
    tasks = json.loads((tmp_path / "tasks" / "tasks.json").read_text(encoding="utf-8"))
    export = annotated(tasks)
    export[0]["annotations"][0]["result"] = []
    results = export[1]["annotations"][0]["result"]
    export[1]["annotations"].append({"completed_by": 1, "result": results[:2]})
    unlabelled = {"id": results[2]["id"], "value": {"x": 1, "y": 1, "width": 5, "height": 5}}
    export[1]["annotations"].append({"completed_by": 2, "result": [unlabelled, *results[:2]]})
    found = read_export(export, "export.json")
    assert found.repeated == 1
    assert len(found.problems) == 2
    assert "task [0], annotation of 'Label Studio user 1': holds none of the captions" in found.problems[0]
    assert f"rectangle of '{TEXTS[1]}' has the label None" in found.problems[1]
    assert [answer["verdict"] for answer in found.files[0]["answers"]] == ["keep", "drop", "drop"]


@given(JSON)
def test_any_export_is_read_without_a_traceback(content: Any) -> None:
    """A traceback on the export of another project."""
    task = {"data": {"questions": {"r": content}}, "annotations": [{"result": content, "completed_by": content}]}
    for tasks in ([content], [task], [{"data": content, "annotations": content}]):
        for file in read_export(tasks, "export.json").files:
            check_answers(file, "export.json", RULES)
