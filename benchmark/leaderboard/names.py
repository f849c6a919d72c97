"""Names of systems on the board: which ones deceive, and which two look alike.

A name is the only text of an entry that stands among those of others, so it must not pass for another name, for a rank,
a score, a variant of the row above, or a row that the board itself adds.

Invariant: names in any one script are fine, Chinese ones among them, with Latin letters if they like.
"""

import re
import unicodedata
from functools import lru_cache

from ..invisible import invisible_characters, named, visible
from ..metrics import METRICS
from ..paper import COLUMNS, table2_rows
from ..scoring import blind

#: Cyrillic, Greek, Armenian, Cherokee and Lisu letters that look like Latin ones, and those that resemble
#: them, or Chinese ones.
_TWINS = {
    "АВЕЗІЈКМНОРСТУХЅҮԌԚԜӀ": "abe3ijkmhopctyxsygqwl",
    "авезіјкмнорстухѕгпьԁһԛԝѵӏ": "abe3ijkmhopctyxsrnbdhqwvl",
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ": "abezhikmnoptyx",
    "ԼՏՕոօսհցզ": "lsonouhgq",
    "ᎪᏴᏟᎬᎻᎫᏦᏞᎷᏢᏚᎢᏙᏔᏃᎠᎡᏀ": "abcehjklmpstvwzdrg",
    "ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ": "bpdtgkjczfmnlsrvhwxyaeiou",
}
_COUSINS = {"αβεηικμνορςτυχγωσ": "abenikuvopstuxywo", "ıȷɑɡøđłħ|": "ijagodlhl", "ロカニエハタトチ": "口力二工八夕卜千"}
_LOOK_ALIKE = str.maketrans("".join(_TWINS | _COUSINS), "".join((_TWINS | _COUSINS).values()))
_TWIN = re.compile(f"[{''.join(_TWINS)}]+")
#: What is alike after that: digits and letters.
_ALIKE = str.maketrans("01i", "oll")
_SMALL_CAPITAL = re.compile(r"LATIN LETTER SMALL CAPITAL ([A-Z])")
#: Punctuation that makes no other name; `+`, `/`, `*` and `#` do.
_UNIMPORTANT = frozenset(".,:;'\"·•・、。!?！？™®©")
_EAST_ASIAN = frozenset(
    {"LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "BOPOMOFO", "HANGUL", "IDEOGRAPHIC"}
)
_RANK = re.compile(
    r"#?\s*\d+\s*[.):、](?!\d)|\d+(?:st|nd|rd|th)\b|(?:rank|place|top|no)\W*\d+\b"
    r"|第\s*[\d一二三四五六七八九十]+\s*[名位]",
    re.I,
)
_METRIC = "|".join(sorted(map(re.escape, {*(metric.name for metric in METRICS), *COLUMNS.values()}), key=len)[::-1])
_SCORE = re.compile(rf"\b(?:{_METRIC})\W*\d+(?:\.?\d)|(?<![\w.])\d+\.\d+\W*(?:{_METRIC})\b|\d\s*%", re.I)
_STATUS = re.compile(r"\b(?:self-scored|re-scored|reproduced|accepted|verified|official|winner)\b", re.I)
#: What may pass for a rank, a score, or a row below another one.
_ODD = {
    "which may pass for a rank": re.compile(
        r"\d{1,3}\s|第\s*[\d一二三四五六七八九十]+\s*$|[一二三四五六七八九十]+\s*[、.]|.*[冠亚季]军"
    ),
    "which may pass for a score": re.compile(r".*(?:±|\(\s*\d+(?:\.\d+)?\s*\)\s*$|\d{2}\.\d+\s*$)"),
    "which may pass for a row below another": re.compile(
        r"w/|.*\b(?:control:|seed\s*\d|mean\b|average\b|ours\b)", re.I
    ),
}
_MARKUP = re.compile(r"[<>`$\\|{}]|\]\(|://|www\.", re.I)


@lru_cache(4096)  # each name of a board is compared with all others
def folded(name: str) -> str:
    """What is left of a name for a reader who does not look closely; two names that look alike have it in common."""
    letters = []
    for character in unicodedata.normalize("NFKD", visible(name)).translate(_LOOK_ALIKE):
        small = _SMALL_CAPITAL.fullmatch(unicodedata.name(character, ""))
        character = small[1] if small else character
        kind = unicodedata.category(character)
        if kind[0] not in "MZC" and kind not in ("Pd", "Pc", "Ps", "Pe", "Pi", "Pf") and character not in _UNIMPORTANT:
            letters.append(character)
    return "".join(letters).casefold().translate(_ALIKE)


#: Rows that the board adds by itself, and those that it quotes from the paper.
_OWN_ROWS = {folded(name): name for name in ("human", *blind.SYSTEMS)}
_PAPER_ROWS = {folded(label): label for label, _ in table2_rows()}


def refused(name: str) -> list[str]:
    """Reasons why a name cannot stand on the board, each after "got NAME"."""
    problems = []
    plain = unicodedata.normalize("NFKC", name)
    if hidden := invisible_characters(name):
        problems.append(f"which has an invisible {named(hidden[0])}; remove it")
    if not plain[:1].isalnum() or not any(map(str.isalpha, plain)):
        problems.append("expected a letter or digit at its beginning, and a letter; it would look like part of a row")
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFKD", plain))
    for word in words:
        scripts = {unicodedata.name(letter, "?").split()[0] for letter in word if letter.isalpha()}
        if len(scripts) > 1 and not scripts <= _EAST_ASIAN:
            problems.append(
                f"which mixes {' and '.join(sorted(scripts))} letters in {word!r:.60}; write it in one script"
            )
        elif _TWIN.fullmatch("".join(filter(str.isalpha, word))) and any(
            "a" <= letter <= "z" for letter in plain.lower()
        ):
            problems.append(
                f"which has {word!r:.60} in {min(scripts)} letters that look like Latin ones; write it in these"
            )
    if _RANK.match(plain):
        problems.append("which looks like a rank; leave out the number at its beginning")
    if _SCORE.search(plain):
        problems.append("which looks like a score; leave out the number")
    if (row := _OWN_ROWS.get(folded(name))) is not None:
        problems.append(f"which is like {row!r}, a row that the board adds by itself; add what is special about it")
    return problems


def remarks(name: str) -> list[str]:
    """What a reviewer should know about a name that is not refused."""
    found = []
    if (row := _PAPER_ROWS.get(folded(name))) is not None:
        found.append(f"name {name!r} is like {row!r} in Table 2 of the paper, which the board quotes")
    plain = "".join("-" if unicodedata.category(c) == "Pd" else c for c in unicodedata.normalize("NFKC", name))
    found += [f"name {name!r} has a form {words}" for words, form in _ODD.items() if form.match(plain)]
    if unicodedata.category(name[:1] or "?") in ("No", "Nl"):
        found.append(f"name {name!r} begins with a number, which may pass for a rank")
    if any(unicodedata.category(c) == "So" for c in name):
        found.append(f"name {name!r} has a symbol, which may pass for a mark of the board")
    if re.search(r"[\u0300-\u036f]{3}", unicodedata.normalize("NFD", name)):
        found.append(f"name {name!r} has letters under stacks of marks, which reach into other rows")
    if match := _STATUS.search(plain):
        found.append(f"name {name!r} has the word {match[0]!r}, which only maintainers give")
    if match := _MARKUP.search(name):
        found.append(f"name {name!r} has {match[0]!r}, which is markup in some formats; the board shows it as text")
    return found
