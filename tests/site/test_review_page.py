"""The review page in a real Chromium, from disk: what it saves is what was answered, and importing accepts it."""

import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from chromium import until
from PIL import Image, ImageDraw

from benchmark.dataset.collect.normalise import normalise
from benchmark.dataset.collect.records import Listing
from benchmark.dataset.collect.review.answers import Answer, Key, check_answers, is_reviewer
from benchmark.dataset.collect.review.pages import write_pages
from benchmark.dataset.collect.review.questions import Asked, Question
from benchmark.dataset.collect.rules import Rules
from benchmark.integrity import sha256_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RULES = Rules(deleted="", refused="")  # so that signs of markup may stand in captions
HOSTILE = "</script><script>window.ran = 1</script><img src=x onerror='window.ran = 2'>\"'`${1}\u202e\u2028长"
#: The texts on each picture; its id is their place.
READ = [["柔软亲肤", "深层补水", "敏感肌可用"], ["温和不刺激", "好用"], [normalise(HOSTILE, ""), '"' * 120, "长" * 60]]
#: Colour of the picture inside the box of each caption.
COLOURS = [(200, 30, 30), (30, 160, 60), (40, 60, 200)]


@dataclass(frozen=True)
class Made:
    """A folder of review pages, and what it asks."""

    folder: Path
    asked: list[Asked]

    @property
    def url(self) -> str:
        return (self.folder / "index.html").as_uri()

    @property
    def keys(self) -> list[Key]:
        return [(image.product.image_id, image.sha256, q.line, q.read) for image in self.asked for q in image.questions]


def written(folder: Path, texts: list[list[str]], rules: Rules = RULES) -> Made:
    """Pages about made pictures; the captions of a picture stand one below the other."""
    folder.mkdir(exist_ok=True)
    asked = []
    for i, captions in enumerate(texts):
        picture = Image.new("RGB", (600, 400 + 200 * i), "white")
        questions = []
        for k, text in enumerate(captions):
            box = (40.0 + 60 * k, 20.0 + 120 * k, 340.0 + 60 * k, 80.0 + 120 * k)
            ImageDraw.Draw(picture).rectangle(box, fill=COLOURS[k])
            second = (None, text, "柔滑")[k]
            questions.append(Question(k, text, box, 0.875, second, (None, -3.5, -4.25)[k], 0.5))
        path = folder / f"{i}.png"
        picture.save(path)
        product = Listing(f"{HOSTILE if i == 2 else 'p'}{i}", path, title=HOSTILE, attributes=HOSTILE)
        asked.append(Asked(product, sha256_of(path), "val", tuple(questions)))
    write_pages(asked, folder / "pages", rules, name=HOSTILE)
    return Made(folder / "pages", asked)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return written(tmp_path_factory.mktemp("review"), READ)


STRICT = Rules(watermarks=("淘宝网",))


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return written(tmp_path_factory.mktemp("strict"), READ[:1], STRICT)


def opened(page: "Page", made: Made, reviewer: str = "Li") -> None:
    page.goto(made.url)
    until(page, "!document.querySelector('#who').hidden")
    page.locator("#name").fill(reviewer)
    page.keyboard.press("Enter")
    at(page, 1)


def reloaded(page: "Page") -> None:
    page.reload()
    until(page, "!document.querySelector('#review').hidden")


def press(page: "Page", *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def at(page: "Page", picture: int, caption: int = 1) -> None:
    """The page shows this picture, and this caption is the active one; both from 1."""
    until(page, f"document.querySelector('#place').textContent.startsWith('picture {picture} of ')")
    active = page.eval_on_selector_all(".question", "rows => rows.map((row) => row.ariaCurrent === 'true')")
    assert [n for n, yes in enumerate(active, 1) if yes] == [caption]
    assert page.locator(".frame.active span").inner_text() == str(caption)


def pressed(page: "Page") -> list[str]:
    """The verdict that each caption of the picture shows."""
    return page.eval_on_selector_all(".question", "rows => rows.map((row) => row.dataset.verdict)")


def saved(page: "Page", name: str = "answers-Li.json") -> dict[str, Any]:
    """What the browser downloads."""
    with page.expect_download() as download:
        page.keyboard.press("s")
    assert download.value.suggested_filename == name
    return json.loads(Path(download.value.path()).read_text(encoding="utf-8"))


def accepted(made: Made, content: Any, rules: Rules = RULES) -> dict[Key, Answer]:
    """The answers in a file, as importing reads them."""
    answers, problems = check_answers(content, "file", rules)
    assert problems == []
    assert answers is not None
    return dict(answers.given)


def test_the_saved_file_holds_what_was_answered(made: Made, page: "Page") -> None:
    """An answer lost, of another caption, or in a file that importing refuses."""
    opened(page, made)
    assert accepted(made, saved(page)) == {}
    press(page, "Enter", "d")
    at(page, 1, 3)
    press(page, "3")
    at(page, 2)  # the picture is finished
    press(page, "ArrowDown", "e", "Backspace")
    page.keyboard.insert_text("吃")
    press(page, "Enter")
    at(page, 2, 1)  # the one that was left out
    press(page, "Space")
    at(page, 3)
    assert page.locator("#place").inner_text() == "picture 3 of 3, 5 of 8 captions answered"
    assert page.locator("#progress").evaluate("bar => [bar.value, bar.max]") == [5, 8]
    half = saved(page)
    given = [Answer("keep", READ[0][0]), Answer("drop"), Answer("product")]
    given += [Answer("keep", READ[1][0]), Answer("keep", "好吃")]
    assert accepted(made, half) == dict(zip(made.keys, given, strict=False))
    press(page, "1", "2", "p")
    assert page.evaluate("scrollY") == 0
    done = page.locator("#done").bounding_box()
    assert done is not None
    assert done["y"] < 400  # in view, and not below the help
    assert page.locator("#done").inner_text() == "All done: save and send the file. Thank you!"
    content = saved(page)
    assert [(a["image_id"], a["sha256"], a["line"], a["read"]) for a in content["answers"]] == made.keys
    assert [("text" in a) for a in content["answers"]] == [a["verdict"] == "keep" for a in content["answers"]]
    answers = check_answers(content, "file", RULES)[0]
    assert answers is not None
    assert answers.reviewer == "Li"
    questions = (made.folder / "questions.js").read_text().removeprefix("questions(").removesuffix(");\n")
    assert content["review"] == json.loads(questions)["review"]
    assert list(answers.given.values())[5:] == [Answer("keep", READ[2][0]), Answer("drop"), Answer("product")]


def test_undo_goes_back_through_the_session(made: Made, page: "Page") -> None:
    """A slip that cannot be taken back once the page has gone on to the next picture."""
    opened(page, made)
    press(page, "1", "2", "2", "a", "x")
    assert page.locator("#done").is_visible()
    steps: list[tuple[str, tuple[int, int], list[str]]] = [
        ("u", (3, 1), ["", "", ""]),
        ("z", (2, 1), ["", ""]),
        ("Control+z", (1, 3), ["keep", "drop", ""]),
        ("u", (1, 2), ["keep", "", ""]),
        ("u", (1, 1), ["", "", ""]),
    ]
    for key, place, verdicts in steps:
        press(page, key)
        at(page, *place)
        assert pressed(page) == verdicts
    press(page, "u")
    assert page.locator("#said").inner_text() == "There is nothing to undo."
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.endsWith(' Li')).length") == 0
    assert accepted(made, saved(page)) == {}


def test_moving_about(made: Made, page: "Page") -> None:
    """Keys that leave the picture or the list at its end, answer two at once, or type where nothing should be typed."""
    opened(page, made)
    for key, place in [("ArrowDown", (1, 2)), ("j", (1, 3)), ("j", (1, 3)), ("k", (1, 2)), ("ArrowUp", (1, 1))]:
        press(page, key)
        at(page, *place)
    for key, picture in [("ArrowLeft", 1), ("n", 2), ("ArrowRight", 3), ("n", 3), ("b", 2), ("f", 1)]:
        press(page, key)
        at(page, picture)
    page.evaluate(
        """for (const repeat of [true, true]) document.activeElement.dispatchEvent(
        new KeyboardEvent("keydown", {key: "Enter", repeat, bubbles: true}))"""
    )
    page.evaluate(
        """for (const how of [{isComposing: true}, {keyCode: 229}, {ctrlKey: true}, {altKey: true}])
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "d", bubbles: true, ...how}))"""
    )
    assert pressed(page) == ["", "", ""]
    press(page, "e")
    page.keyboard.type("dxu")
    assert pressed(page) == ["", "", ""]
    assert page.locator(".question input").first.input_value() == f"{READ[0][0]}dxu"
    press(page, "Escape")
    assert page.locator(".question input").first.input_value() == READ[0][0]
    press(page, "d", "n", "a", "f")
    at(page, 1, 2)  # picture 2 is finished, picture 1 is not
    press(page, "b", "a")
    at(page, 2)
    assert [answer.verdict for answer in accepted(made, saved(page)).values()] == ["drop", *["keep"] * 4]


def test_the_mouse_and_the_keys_agree(made: Made, page: "Page") -> None:
    """Enter that presses the button of another caption again, or a text that is lost when its field is left."""
    opened(page, made)
    page.locator(".question").nth(1).get_by_role("button", name="Drop").click()
    at(page, 1, 3)
    press(page, "Enter")
    at(page, 1, 1)
    assert pressed(page) == ["", "drop", "keep"]
    page.locator(".question input").nth(0).fill("丝滑亲肤")
    page.locator("#next").click()
    at(page, 2)
    page.locator(".question").nth(1).get_by_role("button", name="Keep").focus()
    press(page, "p")  # about the caption that has the focus
    assert pressed(page) == ["", "product"]
    page.locator("#undo").click()
    page.locator(".frame").nth(1).click()
    at(page, 2, 2)
    page.locator("#drop").click()
    at(page, 3)
    verdicts = [(answer.verdict, answer.text) for answer in accepted(made, saved(page)).values()]
    assert verdicts == [("keep", "丝滑亲肤"), ("drop", ""), ("keep", READ[0][2]), ("drop", ""), ("drop", "")]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("柔", "This is too short: drop it, or make it 2 to 10 characters."),
        (" 柔 。", "This is too short: drop it, or make it 2 to 10 characters."),
        ("长" * 11, "This is too long: drop it, or make it 2 to 10 characters."),
        ("𠀀" * 11, "This is too long: drop it, or make it 2 to 10 characters."),
        ("柔软ml", "This has a Latin letter, so it cannot be a caption: drop it, or correct it."),
        ("柔软５", "This has a digit, so it cannot be a caption: drop it, or correct it."),
        ("柔软/亲肤", "This has one of !/、>, so it cannot be a caption: drop it, or correct it."),
        ("ひらがな", "This has no Chinese character, so it cannot be a caption: drop it, or correct it."),
        ("淘宝网", "This has only a watermark, so it cannot be a caption: drop it, or correct it."),
        (" 柔 软\u200b，亲肤！", ""),
        ("柔𠀀𠀀𠀀𠀀𠀀𠀀𠀀𠀀𠀀", ""),
    ],
)
def test_a_text_that_importing_would_refuse(strict: Made, page: "Page", typed: str, words: str) -> None:
    """A whole file refused days later for one corrected text, or a text refused here that importing takes."""
    opened(page, strict)
    press(page, "e")
    page.locator(".question input").first.fill(typed)
    assert page.locator(".warning").first.text_content() == words
    press(page, "Enter")
    assert pressed(page)[0] == ("" if words else "keep")
    claimed = {
        "image_id": "p0",
        "sha256": strict.asked[0].sha256,
        "line": 0,
        "read": READ[0][0],
        "verdict": "keep",
        "text": typed,
    }
    content = {"format": "caponimage-review/1", "reviewer": "Li", "answers": [claimed]}
    assert bool(check_answers(content, "file", STRICT)[1]) == bool(words)
    if not words:
        assert accepted(strict, saved(page), STRICT) == accepted(strict, content, STRICT)
        return
    at(page, 1, 1)
    assert page.locator(".question input").first.get_attribute("aria-invalid") == "true"
    page.locator("#keep").click()  # keeps the others, and goes no further
    at(page, 1, 1)
    assert pressed(page) == ["", "keep", "keep"]
    press(page, "Escape", "Enter")
    assert accepted(strict, saved(page), STRICT)[strict.keys[0]] == Answer("keep", READ[0][0])


def test_an_input_method(strict: Made, page: "Page") -> None:
    """A warning about Latin letters while somebody types pinyin, or none about what came out."""
    opened(page, strict)
    press(page, "e")
    keyboard = page.context.new_cdp_session(page)
    for composed, words in [
        ("软", None),
        ("5", "This has a digit, so it cannot be a caption: drop it, or correct it."),
    ]:
        keyboard.send("Input.imeSetComposition", {"text": "ruan", "selectionStart": 4, "selectionEnd": 4})
        assert page.locator(".question input").first.input_value().endswith("ruan")
        assert page.locator(".warning").first.is_hidden()
        keyboard.send("Input.insertText", {"text": composed})
        assert page.locator(".question input").first.input_value().endswith(composed)
        assert page.locator(".warning").first.text_content() == (words or "")


def test_answers_stay_in_the_browser(made: Made, page: "Page") -> None:
    """An afternoon's work lost with the tab, or the answers of one person counted as those of another."""
    opened(page, made)
    press(page, "1", "2", "e")
    page.keyboard.insert_text("吗")
    press(page, "Enter")
    before = saved(page)
    reloaded(page)
    at(page, 2)  # the first one that is not finished
    assert saved(page) == before
    press(page, "b")
    assert pressed(page) == ["keep", "drop", "keep"]
    assert page.locator(".question input").nth(2).input_value() == "敏感肌可用吗"
    page.locator("#rename").click()
    page.locator("#name").fill("  Wang/\u200b王 ")
    press(page, "Enter")
    at(page, 1)
    assert pressed(page) == ["", "", ""]
    press(page, "x")
    other = saved(page, "answers-Wang_王.json")
    assert other["reviewer"] == "Wang/王"
    assert is_reviewer(other["reviewer"])
    assert len(accepted(made, other)) == 3
    page.locator("#rename").click()
    page.locator("#name").fill("Li")
    press(page, "Enter")
    assert saved(page) == before


def test_a_name_that_cannot_be_seen(made: Made, page: "Page") -> None:
    """A file without a reviewer, or with one that importing refuses."""
    page.goto(made.url)
    until(page, "!document.querySelector('#who').hidden")
    page.locator("#name").fill(" \u200b\u2800 ")
    press(page, "Enter")
    assert page.locator("#trouble").inner_text() == "Please enter a name."
    assert page.locator("#review").is_hidden()
    page.locator("#name").fill("")
    page.locator("#name").press_sequentially("n" * 70)
    press(page, "Enter")
    at(page, 1)
    assert saved(page, f"answers-{'n' * 60}.json")["reviewer"] == "n" * 60


def test_a_saved_file_is_loaded_again(made: Made, page: "Page") -> None:
    """Who changes machines starts anew; or a file of others is mixed in without a word."""
    opened(page, made)
    press(page, "1", "2", "e")
    page.keyboard.insert_text("吗")
    press(page, "Enter", "x")
    content = saved(page)

    def load(given: Any) -> None:
        text = given if isinstance(given, str) else json.dumps(given)
        page.locator("#file").set_input_files(
            {"name": "<b>file", "mimeType": "application/json", "buffer": text.encode()}
        )
        until(page, "document.querySelector('#file').value === ''")

    page.evaluate("localStorage.clear()")
    opened(page, made)
    press(page, "2")
    for wrong, words in [
        ("{", "no file of answers that this page has saved"),
        ("null", "no file of answers that this page has saved"),
        (content | {"format": "caponimage-review/2"}, "no file of answers that this page has saved"),
        (content | {"answers": {}}, "no file of answers that this page has saved"),
        (content | {"review": "0" * 16}, "it belongs to other pictures or captions than these"),
        (content | {"reviewer": "<b>Wang"}, "it has the answers of <b>Wang; first change the reviewer's name"),
    ]:
        load(wrong)
        said = page.locator("#trouble").inner_text()
        assert said.startswith("<b>file was not loaded: ")
        assert words in said
    assert len(saved(page)["answers"]) == 1
    unknown = [
        None,
        {"image_id": "__proto__", "line": 0, "read": "x", "verdict": "keep"},
        content["answers"][0] | {"line": 7},
        content["answers"][0] | {"verdict": "toString"},
        content["answers"][0] | {"text": "x"},
        content["answers"][0] | {"text": 5},
    ]
    load(content | {"answers": unknown + content["answers"]})
    assert page.locator("#trouble").is_hidden()
    said = page.locator("#said").inner_text()
    assert said == "5 answers are loaded. 6 were left out: no such caption, or no such answer."
    assert saved(page) == content
    reloaded(page)
    assert saved(page) == content
    press(page, "f", "2", "u")
    assert saved(page) == content
    load(content)  # the same file once more changes nothing
    assert saved(page) == content


def test_loading_can_be_undone(made: Made, page: "Page") -> None:
    """Newer answers overwritten by an old file for good."""
    opened(page, made)
    press(page, "1", "2", "3")
    old = saved(page)
    press(page, "b", "3", "a")
    press(page, "n", "x")
    newer = saved(page)
    page.locator("#file").set_input_files(
        {"name": "old.json", "mimeType": "application/json", "buffer": json.dumps(old).encode()}
    )
    until(page, "document.querySelector('#said').textContent.startsWith('3 answers are loaded')")
    assert saved(page) != newer
    press(page, "u")
    assert saved(page) == newer


def test_hostile_texts_are_text(made: Made, page: "Page") -> None:
    """A title, a caption or a name that acts, or that widens the page."""
    opened(page, made, "<b>Li</b>")
    press(page, "n", "n")
    at(page, 3)
    assert page.evaluate("window.ran") is None
    assert page.locator("#collection").text_content() == HOSTILE
    assert page.locator("#title").text_content() == HOSTILE
    assert page.locator("#attributes").text_content() == HOSTILE
    assert page.locator("#reviewer").text_content() == "<b>Li</b>"
    assert [page.locator(".question input").nth(k).input_value() for k in range(3)] == READ[2]
    assert page.locator("#review script, #review b b, [src='x']").count() == 0
    hints = page.locator(".hints").all_inner_texts()
    assert ["second reading" in hint for hint in hints] == [False, False, True]
    assert "second reading: 柔滑" in hints[2]
    assert ["confidence 0.8" in hint for hint in hints] == [True] * 3
    assert ["score −4.25" in hint for hint in hints] == [False, False, True]


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_every_width(made: Made, page: "Page", width: int) -> None:
    """A page that scrolls sideways, frames beside their captions, or buttons too small for a thumb."""
    page.set_viewport_size({"width": width, "height": 844})
    opened(page, made)
    for i, image in enumerate(made.asked):
        at(page, i + 1)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        until(page, "[...document.querySelectorAll('canvas')].every((canvas) => canvas.width > 1)")
        drawn = page.evaluate(
            """() => { const whole = document.querySelector("#picture img").getBoundingClientRect();
            return [...document.querySelectorAll(".frame")].map((frame) => { const r = frame.getBoundingClientRect();
            return [(r.left - whole.left) / whole.width, (r.top - whole.top) / whole.height,
                    (r.right - whole.left) / whole.width, (r.bottom - whole.top) / whole.height]; }); }"""
        )
        size = (600, 400 + 200 * i)
        for question, place in zip(image.questions, drawn, strict=True):
            assert place == pytest.approx([side / size[n % 2] for n, side in enumerate(question.box)], abs=0.003)
        if width == 390:
            heights = page.eval_on_selector_all(
                "#review button, .question input", "all => all.map((one) => one.getBoundingClientRect().height)"
            )
            assert min(heights) >= 44
        press(page, "ArrowDown")
        row, moves = (page.locator(where).bounding_box() for where in (".question[aria-current]", ".moves"))
        assert row is not None
        assert moves is not None
        assert row["y"] >= 0
        assert row["y"] + row["height"] <= moves["y"]  # not below the bar with the buttons
        press(page, "n")
    page.locator("#help").evaluate("help => { help.open = true; }")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_crop_shows_its_caption(made: Made, page: "Page") -> None:
    """The view of another caption, or of the picture's corner, beside a text."""
    opened(page, made)
    until(page, "[...document.querySelectorAll('canvas')].every((canvas) => canvas.width > 1)")
    for k, canvas in enumerate(page.locator("canvas").all()):
        with Image.open(BytesIO(canvas.screenshot())) as shot:
            middle = shot.convert("RGB").getpixel((shot.width // 2, shot.height // 2))
            edge = shot.convert("RGB").getpixel((2, shot.height // 2))
            inside = shot.convert("RGB").getpixel((shot.width // 10, shot.height // 2))
        assert middle == pytest.approx(COLOURS[k], abs=12)  # JPEG
        assert inside == pytest.approx(COLOURS[k], abs=12)
        assert edge == pytest.approx((255, 255, 255), abs=12)  # some of what is around it


def test_only_what_is_near_is_loaded(tmp_path: Path, page: "Page") -> None:
    """A review of thousands of pictures that loads them all, or waits for each one."""
    made = written(tmp_path, [["柔软亲肤", "深层补水"]] * 6)
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url.rpartition("/")[2]))
    opened(page, made)
    assert sorted(name for name in loaded if name.endswith(".jpg")) == ["0.jpg", "1.jpg", "2.jpg"]
    press(page, "n")
    at(page, 2)
    assert page.locator("img").count() == 1
    assert sorted(name for name in loaded if name.endswith(".jpg")) == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    press(page, "1")
    sizes = page.evaluate("Object.values(localStorage).map((value) => value.length)")
    assert max(sizes) < 40  # one picture's answers, not those of all


def test_a_browser_that_keeps_nothing(made: Made, page: "Page") -> None:
    """Answers that are lost with the page, and nobody has said so; or a page that stops."""
    page.add_init_script("Storage.prototype.setItem = () => { throw new Error('full'); };")
    opened(page, made)
    press(page, "1")
    assert page.locator("#trouble").inner_text().startswith("This browser keeps no answers: save them")
    page.locator("#rename").click()
    press(page, "Enter")  # the same name: nothing is read from where nothing was kept
    assert pressed(page) == ["keep", "", ""]
    assert len(accepted(made, saved(page))) == 1


def test_half_a_folder(tmp_path: Path, chromium: "Browser") -> None:
    """A blank page where somebody copied half of the folder."""
    made = written(tmp_path, READ[:1])
    page = chromium.new_page()
    (made.folder / "images/0.jpg").unlink()
    opened(page, made)
    until(page, "document.querySelector('#trouble').textContent.startsWith('images/0.jpg cannot be read')")
    (made.folder / "questions.js").unlink()
    page.reload()
    until(page, "document.querySelector('#trouble').textContent.startsWith('questions.js cannot be read')")
    page.close()


def test_the_page_has_no_inline_script_or_style(made: Made) -> None:
    """A policy that the page itself breaks, or one that allows what a text could inject."""
    html = (made.folder / "index.html").read_text()
    assert "default-src 'none'; script-src 'self' file:; style-src 'self' file:" in html
    assert "unsafe" not in html
    assert all(word not in html for word in ("<style", "style=", " onclick", "<script>", "http:", "https:"))
    assert "innerHTML" not in (made.folder / "review.js").read_text()
