"""The stages together: accounts that close, equal data sets from equal readings, papers that say what is known."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.dataset import open_dataset
from benchmark.dataset.collect.account import Account, drops_of, funnel, read_account
from benchmark.dataset.collect.choose import choose
from benchmark.dataset.collect.croissant import croissant
from benchmark.dataset.collect.datasheet import Facts, datasheet
from benchmark.dataset.collect.explain import contact_sheet, drawing, fates
from benchmark.dataset.collect.funnel import funnel_picture
from benchmark.dataset.collect.guard import look_again
from benchmark.dataset.collect.pipeline import Collected, collect
from benchmark.dataset.collect.records import WHOLE, Drop, Line, Listing, Reading, Record
from benchmark.dataset.collect.rules import parse, to_dict
from benchmark.dataset.collect.state import Collection, read_collection, read_kept, write_state
from benchmark.dataset.collect.write import small, write_data_set
from benchmark.errors import DamagedError, InputError
from benchmark.integrity import sha256_of

TEXTS = ["柔软亲肤", "透气排汗", "经典百搭", "立体剪裁", "轻盈保暖", "抗皱免烫", "高腰显瘦", "复古印花"]
RULES = parse("language_model=off second_reading=false near_duplicates=-1")
ASKED = {
    **{"out": "../mine", "annotations": "", "engine": "rapidocr", "second": "v4", "name": "mine", "seed": ""},
    **{"pictures": None, "table": None, "side": 256, "rules": to_dict(RULES), "shares": {"val": 0.1}},
}


def line(text: str, row: int, score: float = 0.95) -> Line:
    left, top, right, bottom = 20.0, 20.0 + 60 * row, 20.0 + 30 * len(text), 50.0 + 60 * row
    return Line(text, score, ((left, top), (right, top), (right, bottom), (left, bottom)))


def reading(number: int, *texts: str) -> Reading:
    return Reading(f"{number:064x}", 300, 400, tuple(line(text, row) for row, text in enumerate(texts)), number + 1)


def products_in(folder: Path, n: int) -> list[Listing]:
    found = []
    for i in range(n):
        path = folder / f"p{i:02}.png"
        noise = np.random.default_rng(i).integers(0, 255, (400, 300, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        found.append(Listing(f"p{i:02}", path, title=f"商品{i}", attributes="颜色:红", category="衣服"))
    return found


def readings_of(products: list[Listing]) -> dict[str, Reading]:
    """Three different captions for each picture, a discount, and one picture that cannot be used."""
    found = {}
    for i, product in enumerate(products):
        texts = [f"{TEXTS[(i + k) % 8][:2]}{TEXTS[(3 * i + k) % 8][2:]}" for k in range(3)]
        found[product.image_id] = replace(reading(i, *texts, "满300减50"), sha256=sha256_of(product.path))
    found[products[0].image_id] = replace(found[products[0].image_id], lines=(), problem="truncated file")
    return found


@pytest.fixture
def products(tmp_path: Path) -> list[Listing]:
    folder = tmp_path / "pictures"
    folder.mkdir()
    return products_in(folder, 12)


def collected(products: list[Listing], readings: dict[str, Reading]) -> Collected:
    return collect(len(products), [], [choose(products, readings, 0.0, RULES)], RULES, {"val": 0.2, "test": 0.2})


def test_the_account_closes_and_every_line_has_its_fate(products: list[Listing], tmp_path: Path) -> None:
    """A line that is neither a caption nor dropped for a reason: nobody could say where it went."""
    readings = readings_of(products)
    found = collected(products, readings)
    found.account.write(tmp_path / "work")
    stages = read_account(tmp_path / "work")
    assert [stage.name for stage in stages] == ["manifest", "read", "select", "redundant", "clean"]
    assert stages[0].images_in == len(products)
    assert stages[-1].images_out == found.n_images
    assert stages[1].images_by_reason == {"picture cannot be used": 1}
    kept = {record.image_id: record for records in found.splits.values() for record in records}
    for product in products:
        drops = drops_of(tmp_path / "work", product.image_id)
        captions = kept[product.image_id].captions if product.image_id in kept else ()
        fate = fates(readings[product.image_id], captions, drops)
        assert set(fate) == set(range(len(readings[product.image_id].lines)))
        assert all(told for told in fate.values())
        assert (product.image_id in kept) != any(drop.line == WHOLE for drop in drops)
    assert "discount" in str(funnel(stages).rows[2].cells[-1])


def test_an_account_that_does_not_close_is_refused(products: list[Listing], tmp_path: Path) -> None:
    """Sums that are believed because a program wrote them."""
    record = Record(products[0], reading(0, "柔软亲肤", "透气排汗"))
    account = Account()
    account.begin("manifest", 1, 1, 0, [])
    with pytest.raises(ValueError, match="select: 1 pictures in, 0 out, 0 dropped"):
        account.add("select", [record], [], [])
    with pytest.raises(ValueError, match="a drop of clean"):
        account.add("select", [record], [], [Drop("clean", record.image_id, WHOLE, "", "why")])
    account.add("select", [record], [], [Drop("select", record.image_id, WHOLE, "", "why")])
    account.write(tmp_path)
    content = json.loads((tmp_path / "account.json").read_text())
    content["stages"][1]["images_out"] = 1
    (tmp_path / "account.json").write_text(json.dumps(content))
    with pytest.raises(DamagedError, match="select: 1 pictures in, 1 out, 1 dropped"):
        read_account(tmp_path)
    (tmp_path / "account.json").write_text("[]")
    with pytest.raises(DamagedError, match="not the account"):
        read_account(tmp_path)
    with pytest.raises(InputError, match="run collect first"):
        read_account(tmp_path / "nowhere")


def test_the_data_set_opens_and_hides_every_line(products: list[Listing], tmp_path: Path) -> None:
    """A text that is no caption and is left visible, boxes that are not ratios, sizes that are not those stated."""
    readings = readings_of(products)
    found = collected(products, readings)
    for out in (tmp_path / "one", tmp_path / "two"):
        write_data_set(
            out,
            found.splits,
            name="shop",
            side=100,
            jobs=2,
            fill="black",
            signature={"rules": {}},
            extra=lambda f: None,
        )
    splits = open_dataset(str(tmp_path / "one"))
    again = open_dataset(str(tmp_path / "two"))
    assert {n: s.fingerprint.hexdigest() for n, s in splits.items()} == {
        n: s.fingerprint.hexdigest() for n, s in again.items()
    }
    for split in splits.values():
        for row in split.rows():
            read = readings[row["image_id"]]
            assert len(row["masked_boxes"]) == len(read.lines) == len(row["boxes"]) + 1
            with Image.open(tmp_path / "one" / "images" / f"{row['image_id']}.png") as picture:
                assert picture.size == (row["width"], row["height"]) == (100, 133)
            assert row["boxes"][0] == pytest.approx([20 / 300, 20 / 400, 140 / 300, 50 / 400])
            assert all("减" not in caption for caption in row["captions"])
    smooth = tmp_path / "smooth"
    write_data_set(smooth, found.splits, name="shop", side=400, jobs=1, fill="smooth", signature={})
    row = next(iter(next(iter(open_dataset(str(smooth)).values())).rows()))
    assert row["masked_boxes"] == []
    before = np.asarray(Image.open(next(p.path for p in products if p.image_id == row["image_id"])))
    changed = (before != np.asarray(Image.open(smooth / "images" / f"{row['image_id']}.png"))).any(axis=2)
    assert changed[20:50, 20:140].mean() > 0.9  # where a text was
    assert not changed[:, 240:].any()


def test_a_picture_that_was_exchanged_is_not_stored(products: list[Listing], tmp_path: Path) -> None:
    """Boxes and captions of one picture on another, since hours lie between reading and writing."""
    found = collected(products, readings_of(products))
    changed = next(iter(found.splits.values()))[0].product.path
    Image.new("RGB", (300, 400), "white").save(changed)
    with pytest.raises(InputError, match="changed since it was read"):
        write_data_set(tmp_path / "shop", found.splits, name="shop", side=100, jobs=1, fill="black", signature={})
    assert not (tmp_path / "shop").exists()


def test_a_picture_is_never_made_larger() -> None:
    """Blurred pictures that take more room than the originals."""
    assert small(Image.new("RGB", (300, 200)), 100).size == (150, 100)
    assert small(Image.new("RGB", (30, 20)), 100).size == (30, 20)
    assert small(Image.new("RGB", (5000, 10)), 5).size == (2500, 5)


class Reader:
    """An engine that reads one text wherever a picture is not black at a place."""

    name, margin, key = "reader", 0.0, "reader"

    def read(self, picture: np.ndarray) -> list[Line]:
        """All lines."""
        return [line("柔软亲肤", 0)] if picture[30, 30].any() else []


def test_the_guard_sees_a_caption_that_no_mask_covers(products: list[Listing]) -> None:
    """A data set that shows models the answer."""
    whole = collected(products, readings_of(products))
    records = [record for split in whole.splits.values() for record in split]
    marked = Record(products[3], reading(3, "柔软亲肤", "透气排汗"))
    records = [r for r in records if r.image_id != "p03"]
    records += next(iter(collected([products[3]], {"p03": marked.reading}).splits.values()))
    seen = look_again(records, Reader(), "")
    assert seen.passed
    assert seen.readable == ()
    # The line was found, and its mask was lost.
    uncovered = [replace(r, masks=r.masks[4:]) for r in records]
    seen = look_again(uncovered, Reader(), "")
    assert ("p03", "柔软亲肤") in seen.readable
    assert not seen.passed


def test_what_a_working_folder_keeps_is_checked(products: list[Listing], tmp_path: Path) -> None:
    """`explain` of another collection than the one that was made, or a traceback on a damaged folder."""
    found = collected(products, readings_of(products))
    digests = {product.image_id: f"{i:064x}" for i, product in enumerate(products)}
    write_state(tmp_path, Collection(ASKED, {"side": 100}), products, digests, found.read, found.splits)
    assert read_collection(tmp_path).second == "v4"
    record = next(iter(found.splits.values()))[0]
    kept, dropped = read_kept(tmp_path, record.image_id), read_kept(tmp_path, "p00")
    assert kept is not None
    assert dropped is not None
    assert kept.product == record.product
    assert [(c.line, c.text) for c in kept.captions] == [(c.line, c.text) for c in record.captions]
    assert dropped.split is None
    assert read_kept(tmp_path, "p99") is None
    (tmp_path / "captions.parquet").write_bytes(b"PAR1")
    with pytest.raises(DamagedError, match="run collect again"):
        read_kept(tmp_path, "p00")
    (tmp_path / "collection.json").write_text('{"format": "other"}')
    with pytest.raises(DamagedError, match="another format"):
        read_collection(tmp_path)


def test_the_datasheet_fills_in_what_is_known_and_lists_the_rest(products: list[Listing]) -> None:
    """Numbers that are not those of the data, an empty answer that looks like one, markup from a title."""
    known = [replace(product, licence="CC BY *4.0*", source="own shop") for product in products]
    readings = readings_of(known)
    kept = next(iter(collected(known, readings).splits.values()))[0].image_id
    readings[kept] = replace(readings[kept], lines=(*readings[kept].lines, line("微信Wx1", 5)))
    found = collected(known, readings)
    signature = {"engine": "rapidocr 0123", "second": "v4 4567", "side": 256, "described": "default size=0.03"}
    text = datasheet(Facts("shop", found.splits, found.account.stages, signature, "On 9 masked pictures: nothing."))
    captions = sum(len(record.captions) for split in found.splits.values() for record in split)
    assert f"{found.n_images:,} images with {captions:,} captions" in text
    assert "CC BY \\*4.0\\*" in text
    assert "Lines with contact details were read on the pictures: WeChat 1." in text
    assert text.count("**TO ANSWER**") == text.split("## Open questions")[1].count("\n* ")
    assert "For what purpose was the data set created?" in text.split("## Open questions")[1]
    assert "Under which licence" not in text.split("## Open questions")[1]


def test_answers_of_people_stay_in_the_datasheet(products: list[Listing]) -> None:
    """A datasheet that people have filled in, and that the next run asks again; an answer that ends too early."""
    found = collected(products, readings_of(products))
    facts = Facts("shop", found.splits, found.account.stages, {}, "")
    empty = datasheet(facts)
    asked = "**For what purpose was the data set created?**"
    answer = "To study captions.\n\nAnd, **to be honest**, since we had to.\n\n* a list"
    filled = empty.replace(f"{asked} **TO ANSWER**", f"{asked} {answer}").replace("1 images", "999 images")
    again = datasheet(replace(facts, before=filled))
    assert f"{asked} {answer}\n\n**Who created it" in again
    assert again.count("**TO ANSWER**") == empty.count("**TO ANSWER**") - 1
    assert "For what purpose" not in again.split("## Open questions")[1]
    assert "999 images" not in again
    assert datasheet(replace(facts, before="anything")) == empty
    licence = "**Under which licence is it distributed, if at all?**"  # the program's own answer, of other pictures
    old = empty.replace(f"{licence} **TO ANSWER**", f"{licence} Licences of the pictures: CC0 (9).")
    assert datasheet(replace(facts, before=old)) == empty


def test_what_the_second_engine_alone_finds_is_masked(products: list[Listing]) -> None:
    """A text that only the second engine has seen, left visible to models and to reviewers of the drawing."""
    read = readings_of(products)["p01"]
    alone = replace(read, others=(((5.0, 300.0), (90.0, 300.0), (90.0, 330.0), (5.0, 330.0)),))
    records = [next(iter(collected([products[1]], {"p01": r}).splits.values()))[0] for r in (read, alone)]
    assert records[0].captions == records[1].captions
    assert [*records[1].masks] == [*records[0].masks, 5, 300, 90, 330]
    drawn = np.asarray(drawing(Image.new("RGB", (300, 400), "white"), alone, ()))
    assert (drawn[300, 10:80] == (110, 110, 110)).all()


def test_drawings_show_each_line(products: list[Listing]) -> None:
    """A sheet without pictures, or frames in one colour."""
    read = readings_of(products)["p01"]
    (record,) = next(iter(collected([products[1]], {"p01": read}).splits.values()))
    captions = record.captions
    drawn = np.asarray(drawing(Image.new("RGB", (300, 400), "white"), read, captions))
    green = (drawn == (30, 150, 70)).all(axis=2)
    red = (drawn == (210, 50, 40)).all(axis=2)
    assert green[:190].any()
    assert red[200:].any()
    assert not green[215:].any()
    sheet = contact_sheet([("p01", Image.fromarray(drawn))] * 7)
    assert sheet.width > 5 * 220
    assert sheet.height > 2 * 220


def test_the_funnel_shows_what_each_stage_passed_on(products: list[Listing]) -> None:
    """A bar of another length than its number says, or a stage without one."""
    stages = collected(products, readings_of(products)).account.stages
    drawn = np.asarray(funnel_picture(stages))
    assert drawn.shape[0] == 40 + 74 * len(stages)
    lengths = [int((drawn[40 + 74 * i + 15] == (31, 119, 180)).all(axis=1).sum()) for i in range(len(stages))]
    for stage, length in zip(stages, lengths, strict=True):
        assert length == pytest.approx(440 * stage.images_out / stages[0].images_in, abs=2)


def test_croissant_names_files_by_their_content(products: list[Listing], tmp_path: Path) -> None:
    """A catalogue that cannot open the data set, or opens files that were exchanged."""
    found = collected(products, readings_of(products))
    write_data_set(tmp_path / "shop", found.splits, name="shop", side=100, jobs=1, fill="black", signature={})
    content = croissant(
        tmp_path / "shop", "shop", list(found.splits), description="A shop.", licences={"": 1}, published="2026-11-28"
    )
    for file in content["distribution"]:
        assert sha256_of(tmp_path / "shop" / file["contentUrl"]) == file["sha256"]
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant, which validates croissant.json, is missing")
    path = tmp_path / "shop" / "croissant.json"
    path.write_text(json.dumps(content))
    row = next(iter(mlcroissant.Dataset(str(path)).records("train")))
    assert row["train/image_id"].decode() == found.splits["train"][0].image_id


def test_alike_pictures_share_a_split_under_all_rules(products: list[Listing]) -> None:
    """Pictures of one product in train and in test, because no rule drops them."""
    readings = {
        p.image_id: replace(r, hash=0x123456789ABCDEF0) for p, r in zip(products, map_of(products), strict=True)
    }
    rules = parse("near_duplicates=-1 redundancy=0 language_model=off second_reading=false")
    shares = {"val": 0.3, "test": 0.3}
    found = collect(len(products), [], [choose(products, readings, 0.0, rules)], rules, shares)
    assert len(found.splits) == 1
    assert found.n_images == len(products)


def map_of(products: list[Listing]) -> list[Reading]:
    """A reading with captions of its own for each product."""
    names = "甲乙丙丁戊己庚辛壬癸子丑"
    return [reading(i, f"{names[i]}很柔软", f"{names[i]}很轻盈") for i in range(len(products))]


def test_a_box_outside_the_picture_is_a_drop(products: list[Listing]) -> None:
    """One wrong row of annotations that ends a whole run at its last step."""
    outside = Line("轻盈保暖", 1.0, ((310.0, 10.0), (390.0, 10.0), (390.0, 40.0), (310.0, 40.0)))
    read = replace(reading(1, "柔软亲肤", "透气排汗"), lines=(line("柔软亲肤", 0), line("透气排汗", 1), outside))
    found = choose(products[1:2], {"p01": read}, 0.0, RULES)
    assert [caption.text for caption in found.records[0].captions] == ["柔软亲肤", "透气排汗"]
    assert found.account.stages[1].lines_by_reason == {"outside the picture": 1}


class Fails(Reader):
    """A reader that fails on its first pictures."""

    def __init__(self, pictures: int) -> None:
        self.left = pictures

    def read(self, picture: np.ndarray) -> list[Line]:
        """All lines."""
        self.left -= 1
        if self.left >= 0:
            raise RuntimeError("this picture is too much for it")
        return super().read(picture)


def test_a_guard_that_fails_on_a_picture_has_not_looked_at_it(products: list[Listing]) -> None:
    """A traceback after hours; or a guard that has seen nothing, and lets everything pass."""
    splits = collected(products, readings_of(products)).splits
    records = [record for split in splits.values() for record in split]
    assert look_again(records, Fails(1), "").images == len(records) - 1
    with pytest.raises(InputError, match="nobody has looked"):
        look_again(records, Fails(len(records)), "")
