"""The words of mini: complete, of the right lengths, unambiguous, and free of what the data set must not hold."""

import re
from collections import Counter

from benchmark.dataset.mini.copywriting import FORM_LENGTHS, FORMS, all_phrases, domains, visible

CHINESE = re.compile(r"[\u4e00-\u9fff]+")
#: The collection pipeline removes discounts; a synthetic twin must not bring them back.
DISCOUNT = re.compile("[折券]|优惠|促销|特价|降价|满减|立减|秒杀|清仓|包邮|红包|返现|低价|半价|赠品|买一|免费")


def test_the_catalogue_is_complete() -> None:
    """A domain file that was left out, or a category without its own selling points, would bias every ablation."""
    assert len(domains()) == 10
    for domain in domains():
        assert len(domain.categories) == 5, domain.name
        assert len(domain.brands) == 8, domain.name
        assert len(domain.materials) == 5, domain.name
        assert len(domain.title_words) >= 10, domain.name
        assert all(len(category.selling_points) == 12 for category in domain.categories), domain.name
    shown = visible()
    assert [len(kind) for kind in vars(shown).values()] == [10, 6, 4, 8]


def test_every_form_has_its_length() -> None:
    """A middle form of six characters would break the law that the box's shape decides the length."""
    wrong = [
        f"{where}: {form} {phrase.form(form)}"
        for where, phrase in all_phrases()
        for form in FORMS
        if not FORM_LENGTHS[form][0] <= len(phrase.form(form)) <= FORM_LENGTHS[form][1]
    ]
    wrong += [
        f"{domain.name}: brand caption {brand + domain.brand_tail.form(form)}"
        for domain in domains()
        for brand in domain.brands
        for form in FORMS
        if not FORM_LENGTHS[form][0] <= len(brand + domain.brand_tail.form(form)) <= FORM_LENGTHS[form][1]
    ]
    assert not wrong


def test_texts_are_chinese_only_and_sell_no_discounts() -> None:
    """Digits, Latin letters, punctuation and discounts are what the paper's collection pipeline filters out."""
    texts = [phrase.form(form) for _, phrase in all_phrases() for form in FORMS]
    texts += [text for domain in domains() for text in (*domain.brands, *domain.title_words, domain.material_key)]
    assert [text for text in texts if not CHINESE.fullmatch(text) or DISCOUNT.search(text)] == []


def test_a_text_stands_for_one_phrase() -> None:
    """If two phrases shared a text, "the caption names the phrase" would be false and the ceilings wrong."""
    counts = Counter(phrase.form(form) for _, phrase in all_phrases() for form in FORMS)
    assert [text for text, n in counts.items() if n > 1] == []


def test_brands_are_not_shared_and_name_nothing_else() -> None:
    """A brand in two domains, or a brand that is a word of some phrase, could be read off without the title."""
    brands = Counter(brand for domain in domains() for brand in domain.brands)
    assert [brand for brand, n in brands.items() if n > 1 or not 2 <= len(brand) <= 3] == []
    texts = {phrase.form(form) for _, phrase in all_phrases() for form in FORMS}
    assert [(b, t) for b in brands for t in texts if b in t] == []


def test_keys_tell_the_phrases_of_a_category_apart() -> None:
    """The attributes name phrases by their keys: two characters each, no key twice within a category."""
    for domain in domains():
        for category in domain.categories:
            keys = [phrase.key for phrase in (*category.selling_points, *domain.materials)]
            assert len(set(keys)) == len(keys), category.name
            assert [key for key in keys if len(key) != 2] == [], category.name


def test_titles_do_not_give_away_what_only_the_picture_or_the_attributes_show() -> None:
    """A title word like 红色 or 保湿 would hand another input's information to the title."""
    secrets = {phrase.form(form) for kind in vars(visible()).values() for phrase in kind for form in FORMS}
    for domain in domains():
        keys = {p.key for c in domain.categories for p in c.selling_points} | {p.key for p in domain.materials}
        for word in domain.title_words:
            assert word not in secrets, word
            assert not any(key in word for key in keys), word
