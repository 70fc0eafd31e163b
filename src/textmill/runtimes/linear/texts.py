"""Texts on which a compiled classifier must equal the one it replaces: many scripts, lengths and oddities.

They are the same in every process: what is verified once is verified everywhere.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Collection, Iterator
from functools import cache
from itertools import islice

SENTENCES = (
    "I loved this film: wonderful actors, a great story, and not a single boring minute!",
    "What a terrible waste of time. The plot was dull, the acting worse, and the ending made no sense.",
    "Not good, not bad, just okay... I wouldn't watch it again, but my kids didn't want to leave.",
    "The battery died after two weeks and support never answered my e-mails; do NOT buy this phone.",
    "It's cheap, it works, and it arrived a day early. What more could you want for $9.99?",
    "The committee will meet on Monday, 3 May 2021, at 10:30 a.m. to discuss the 2.5% increase.",
    "Shares of the company fell 3.5 percent in Tokyo, while the index lost about 400 points on Friday.",
    "LONDON (Reuters) - Oil prices slipped below $70 a barrel as traders weighed new supply from the U.S.",
    "very very very good good film film film, very good indeed, and good again",
    "The the THE the. A a A a! I i I i? ok OK Ok oK",
    "snake_case camelCase kebab-case UPPER lower Title 3rd 42 3.14 1,000 1e-9 0x1f v2.0 __init__",
    "Visit https://example.org/a?b=c&d=1#e or write to jane.doe@example.org, @somebody #something!",
    "<p>Some <b>bold</b> text &amp; an <a href='#'>anchor</a></p>",
    "don't can't it's o'clock rock'n'roll \u2018tis \u2019twas \u201cquoted\u201d \u2013 dash \u2014 dash",
    "Le président s'est rendu à Marseille jeudi pour rencontrer l'équipe; déçu, où ça?",
    "Die Straße wurde größer, äußerst ärgerlich für über zwölf Fußgänger in Köln. STRASSE GROẞ",
    "El niño comió piñas en España; ¿cuándo volverá? ¡Mañana por la mañana!",
    "A ação não é fácil: coração, pão, você, às três.",
    "Příliš žluťoučký kůň úpěl ďábelské ódy.",
    "Zażółć gęślą jaźń, proszę.",
    "İstanbul'da ılık bir gün; IĞDIR ığdır İYİ iyi.",
    "Tiếng Việt có nhiều dấu: ngày mai trời sẽ đẹp.",
    "Этот фильм мне очень понравился, хотя он немного длинный. ЁЖ ёж йод",
    "Ο ΟΔΥΣΣΕΥΣ ήταν πολύ καλός· ΣΑΣ ευχαριστώ. ΌΣΟΣ",
    "هذا الفيلم رائع جدًا وأنصح الجميع بمشاهدته.",
    "הסרט הזה היה מצוין, ממליץ בחום! שָׁלוֹם",
    "यह फ़िल्म बहुत अच्छी थी, मुझे पसंद आई।",
    "এই ছবিটি খুব ভালো ছিল।",
    "இந்தப் படம் மிகவும் நன்றாக இருந்தது.",
    "หนังเรื่องนี้ดีมาก ฉันชอบมัน",
    "この映画はとても面白かったです。もう一度見たい。",
    "这部电影非常好看，我很喜欢。",
    "이 영화는 정말 재미있었어요. 다시 보고 싶어요.",
    "Bu film çox yaxşı idi. ეს ფილმი ძალიან კარგი იყო. Այս ֆիլմը շատ լավն էր։",
    "I ❤️ this 😀👍🏽 so much 👨‍👩‍👧‍👦 🇩🇪 it's 💯!!!",
)

ODDITIES = (
    *(" ", "\n", " \t\r\n ", "\u00a0\u2003\u3000", "\u200b", "\x1c\x1d\x1e\x1f\x85", "\ufeff"),
    *(".", "!?!?", "\u2026", "-", "_", "__", "'", "$", "1", "a", "I", "ß", "é", "\u00e9\u0301", "\u0301"),
    *("a b", "ab", "a  b", "a\nb", "a\u2028b", "a \n\n b", "  ab  cd  ", "ab\tcd\x0bef", "a\x00b"),
    "e\u0301 vs \u00e9, n\u0303 vs \u00f1, a\u0323\u0302 vs a\u0302\u0323 vs \u1ead, \u212b vs \u00c5",
    "zero\u200dwidth joiner, non\u200cjoiner, soft\u00adhyphen, word\u2060joiner, \u202eright to left",
    "\ufb01\ufb02 \u01c4 \u01c5 \u0149 \u1e9e \u017f \u212a \u2126 \u00b5 \u1fb3 \u1f88 \u0345 \u03a3 \u03c2",
    "\uff26\uff55\uff4c\uff4c \uff57\uff49\uff44\uff54\uff48 \u2460 \u00bd \u00b2 \u2165 \u0661\u0662 \u0967",
    "\U0001d400\U0001d401 \U00010400\U00010428 \U0001f1ea \U000e0041 \U0010ffff \ufffd \ufffe",
    "\u1100\u1161\u11a8 \uac01 \u0e33 \u0f77 \u2f00 \uf900",
)

BROKEN = ("\ud800", "good \udfff film", "\udc80\ud801 it")
"""Lone surrogates, which JSON can bring; hashing fails on them."""
PER_CATEGORY = 12
LONG = 20_000
PER_TEXT = 12
TERMS = 1_200
MODELS_OWN = 240


@cache
def verification_texts() -> tuple[str, ...]:
    """All texts, in the same order everywhere."""
    return (*SENTENCES, *_variants(), *ODDITIES, *BROKEN, *_categories(), *_lengths())


def texts_of_terms(terms: Collection[str]) -> Iterator[str]:
    """Texts made of a model's own terms, evenly drawn; some terms come more than once."""
    drawn = list(islice(terms, 0, None, max(1, len(terms) // TERMS)))[:TERMS]
    for start in range(0, len(drawn), PER_TEXT):
        part = drawn[start : start + PER_TEXT]
        yield " ".join([*part, *part[: start % PER_TEXT // 2], *part[:2], part[0]])
    yield from drawn[:MODELS_OWN]


def _variants() -> Iterator[str]:
    """The same sentences, written in ways that lower case, accents and normalisation treat differently."""
    for at, sentence in enumerate(SENTENCES):
        change = (str.upper, str.title, str.swapcase, _decomposed, _composed)[at % 5]
        yield change(sentence)


def _decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _categories() -> Iterator[str]:
    """Signs of every Unicode category, between words and inside them."""
    found: dict[str, list[str]] = {}
    for code in (*range(0x3000), *range(0x3000, sys.maxunicode, 97)):
        letter = chr(code)
        if (category := unicodedata.category(letter)) != "Cs":
            found.setdefault(category, []).append(letter)
    for letters in found.values():
        some = letters[:: max(1, len(letters) // PER_CATEGORY)][:PER_CATEGORY]
        yield " ".join(f"film{letter}good{letter}bad {letter}" for letter in some)
        yield "".join(some)


def _lengths() -> Iterator[str]:
    """From a few words to very many."""
    words = " ".join(SENTENCES[:12]).split()
    for count in (2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233):
        yield " ".join((words[count % 7 :] * 3)[:count])
    everything = " ".join(SENTENCES)
    yield everything
    yield (everything * (LONG // len(everything) + 1))[:LONG]
    yield "a" * LONG
    yield "good " * 500
