"""The words of mini: complete, of the right lengths, unambiguous, and free of what the data set must not hold."""

import re
from collections import Counter

import numpy as np
import pytest

from benchmark.dataset.mini.drawing import SILHOUETTES
from benchmark.dataset.mini.lexicon import SHOWN, STYLES, Fact, common, domains, grammar
from benchmark.dataset.mini.products import PATTERNS, RING, SCENES, SHAPES
from benchmark.dataset.mini.wording import LONGEST, NUMBERING, SHORTEST, frames, wordings, write

CHINESE = re.compile(r"[\u4e00-\u9fff]+")
#: The collection pipeline removes discounts; a synthetic twin must not bring them back.
DISCOUNT = re.compile(
    "[一二三四五六七八九打]折|券|优惠|促销|特价|降价|满减|立减|秒杀|清仓|包邮|红包|返现|低价|半价|赠品|买一"
)


def all_facts() -> list[Fact]:
    """Every fact once."""
    found = [fact for facts in vars(common()).values() for fact in facts]
    for domain in domains():
        found += [*domain.brands, *domain.materials]
        for category in domain.categories:
            found += [category.headline, *category.points]
    return list(dict.fromkeys(found))


def all_texts() -> list[str]:
    """Every text that is written by hand, without the templates."""
    texts = [text for fact in all_facts() for text in (*fact.words, *fact.stock)]
    texts += [text for domain in domains() for text in (*domain.title_words, domain.material_key)]
    texts += [word for words in grammar().style_words.values() for word in words]
    return texts + [text for fillers in grammar().fillers.values() for text, _ in fillers]


def test_the_catalogue_is_complete() -> None:
    """A domain file that was left out, or a category with fewer points than others, would bias every ablation."""
    assert len(domains()) == 10
    for domain in domains():
        sizes = (len(domain.categories), len(domain.brands), len(domain.title_words), len(domain.materials))
        assert sizes == (5, 10, 16, 6), domain.name
        assert {len(category.points) for category in domain.categories} == {8}, domain.name
    names = [category.name for domain in domains() for category in domain.categories]
    assert len(set(names)) == 50
    assert {category.silhouette for domain in domains() for category in domain.categories} == set(SILHOUETTES)


@pytest.mark.parametrize(
    ("kind", "names"), [("colour", RING), ("pattern", PATTERNS), ("shape", SHAPES), ("scene", SCENES)]
)
def test_what_pictures_show_is_in_the_order_of_the_drawing_code(kind: str, names: tuple[str, ...]) -> None:
    """Probabilities are given to facts by their order: a brown product was said to be orange, an orange one yellow."""
    assert tuple(fact.key for fact in getattr(common(), kind)) == names


def test_captions_written_by_hand_have_two_to_ten_characters() -> None:
    """The paper's captions have; a longer one would never be drawn."""
    texts = [text for fact in all_facts() for text in fact.stock]
    assert [text for text in texts if not SHORTEST <= len(text) <= LONGEST] == []


def test_texts_are_chinese_only_and_sell_no_discounts() -> None:
    """Digits, Latin letters, punctuation and discounts are what the paper's collection pipeline filters out."""
    assert [text for text in all_texts() if not CHINESE.fullmatch(text) or DISCOUNT.search(text)] == []
    templates = [re.sub(r"\{\w+\}", "", template.text) for template in grammar().templates]
    assert [text for text in templates if text and not CHINESE.fullmatch(text)] == []


def test_a_caption_written_by_hand_belongs_to_one_fact() -> None:
    """Two facts that share a caption cannot be told apart by it, and statistics of captions would count it for both."""
    counts = Counter(text for fact in all_facts() for text in fact.stock)
    assert [text for text, n in counts.items() if n > 1] == []


def test_keys_tell_facts_apart() -> None:
    """Title and attributes name facts by their keys: no key twice in a domain, two characters for points."""
    for domain in domains():
        points = [point for category in domain.categories for point in category.points]
        facts = dict.fromkeys([*domain.brands, *domain.materials, *points])
        keys = Counter(fact.key for fact in facts)
        assert [key for key, n in keys.items() if n > 1] == [], domain.name
        assert {len(fact.key) for fact in (*points, *domain.materials)} == {2}, domain.name


def test_brands_are_not_shared_and_name_nothing_else() -> None:
    """A brand in two domains, or one that is a word of another fact, could be read off without the title."""
    brands = Counter(brand.key for domain in domains() for brand in domain.brands)
    assert [brand for brand, n in brands.items() if n > 1 or not 2 <= len(brand) <= 3] == []
    texts = {text for fact in all_facts() if fact.kind != "brand" for text in (*fact.words, *fact.stock)}
    assert [(brand, text) for brand in brands for text in texts if brand in text] == []


def test_titles_do_not_give_away_what_only_the_picture_or_the_attributes_show() -> None:
    """A title word like 红色 or 保湿 would hand another input's information to the title."""
    shown = {text for kind in SHOWN for fact in getattr(common(), kind) for text in (*fact.words, *fact.stock)}
    for domain in domains():
        keys = {p.key for category in domain.categories for p in category.points} | {m.key for m in domain.materials}
        for word in (*domain.title_words, *(word for words in grammar().style_words.values() for word in words)):
            assert word not in shown, word
            assert not any(key in word for key in keys), word


@pytest.mark.parametrize("kind", sorted({fact.kind for fact in all_facts()}))
def test_templates_are_sound(kind: str) -> None:
    """A slot without fillers, or a style that has no template, would end a build."""
    found = frames(kind)
    assert found.usage.sum(axis=1) == pytest.approx(1)
    assert set(found.times.tolist()) <= {1, 2}
    assert all(text.replace("{k}", "").find("{") == -1 for text in found.texts)
    assert len({template.text for template in grammar().templates if template.kind == kind}) >= 10


def test_every_fact_can_be_said_in_any_room_and_never_at_the_wrong_length() -> None:
    """A template that gets too long must have no weight, and none may leave a box without a caption."""
    for i, fact in enumerate(all_facts()):
        room = 2 + i % 17 / 2
        noun = domains()[i % 10].categories[i % 5].headline.words[0]
        numbers, by_style = wordings(fact, noun, room)
        assert by_style.sum(axis=1) == pytest.approx(1)
        lengths = np.array([len(NUMBERING.texts[number]) for number in numbers.tolist()])
        possible = (by_style > 0).any(axis=0)
        assert lengths[possible].min() >= SHORTEST
        assert lengths[possible].max() <= LONGEST
        for style in range(len(STYLES)):
            for draw in (0.0, 0.5, 1 - 2**-53):
                assert SHORTEST <= len(write(fact, noun, style, room, draw, draw)) <= LONGEST


def test_captions_follow_the_room_and_the_style() -> None:
    """Section 5.4 of the paper: a box's shape decides the length; and a shop's style is worth nothing if it hides."""
    rooms, lengths, apart = (3.0, 4.0, 5.0, 6.0, 7.0, 8.0), [], []
    for room in rooms:
        means = []
        for fact in domains()[0].categories[0].points:
            numbers, by_style = wordings(fact, "面霜", room)
            sizes = np.array([len(NUMBERING.texts[number]) for number in numbers.tolist()])
            means.append(float((by_style @ sizes).mean()))
            apart.append(np.abs(by_style[0] - by_style[1]).sum() / 2)
        lengths.append(float(np.mean(means)))
    assert np.abs(np.subtract(lengths, rooms)).max() < 0.5
    assert np.diff(lengths).min() > 0.5
    assert np.mean(apart) > 0.3
