"""What is said in each clip, how, and what spoils it: a pure function of speaker and seed.

Clean synthesis is trivial: a speaker's mean spectrum identifies it. So every clip is a short
piece from within a sentence of its own, said at its own rate and pitch, heard through its own
channel in its own noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from kshot.sampling.streams import Stream, below, distinct

SUBJECTS = (
    *("a quiet farmer", "her older brother", "my new neighbour", "our tall captain", "the busy doctor"),
    *("the careful painter", "the clever fox", "the famous singer", "the foreign visitor", "the old judge"),
    *("the young teacher", "their best player", "this hungry puppy", "your lazy cousin", "every good driver"),
    *("the village baker",),
)
VERBS = (
    *("always carries", "bravely followed", "finally bought", "gladly borrowed", "has never opened"),
    *("is going to fix", "just discovered", "often watches", "quickly measured", "rarely mentions"),
    *("should have kept", "slowly lifted", "soon forgot about", "suddenly dropped", "usually cleans"),
    *("will gladly share",),
)
OBJECTS = (
    *("a bag of apples", "a broken umbrella", "a cup of coffee", "a letter from France", "a very large box"),
    *(
        "all the blue chairs",
        "both wooden doors",
        "five copper coins",
        "the empty bottle",
        "the garden fence",
    ),
    *("the green bicycle", "the kitchen table", "the silver watch", "those dusty books", "two heavy jackets"),
    *("yellow paper flowers",),
)
_PARTS = (SUBJECTS, VERBS, OBJECTS)
_SENTENCES = int(np.prod([len(part) for part in _PARTS]))

RATES = (140, 210)
"""Words per minute."""
PITCHES = (35, 65)
"""eSpeak's pitch setting; 50 is the speaker's own."""
BANDS = 8
"""Points, evenly spaced in octaves, at which a channel's gain is drawn."""


@dataclass(frozen=True)
class Line:
    """One clip to be made.

    Attributes:
        speaker: name of the variant.
        number: number of the clip among the speaker's.
        sentence: what is said.
        rate: words per minute.
        pitch: eSpeak's pitch setting.
        place: where in the sentence the clip lies, 0 (beginning) … 1 (end).
        loudness: 0 … 1 between the quietest and the loudest clips.
        noise: 0 … 1 between the noisiest and the cleanest clips.
        noise_colour: 0 (white) … 1 (falling by 6 dB an octave).
        channel: ``BANDS`` numbers in -1 … 1, gains of the channel.
        noise_seed: seed of the noise.
    """

    speaker: str
    number: int
    sentence: str
    rate: int
    pitch: int
    place: float
    loudness: float
    noise: float
    noise_colour: float
    channel: tuple[float, ...]
    noise_seed: int

    @property
    def key(self) -> str:
        """Name of the clip within its speaker."""
        return f"{self.number:03d}"


def lines(speaker: str, count: int, seed: int) -> list[Line]:
    """The first ``count`` lines of a speaker, no sentence twice; the same on every machine."""
    words = Stream(["voices", speaker, seed], 8 + BANDS).records(0, count)
    sentences = distinct(words[:, 0][None], np.asarray([_SENTENCES]))[0]
    rates = RATES[0] + below(words[:, 1], RATES[1] - RATES[0] + 1)
    pitches = PITCHES[0] + below(words[:, 2], PITCHES[1] - PITCHES[0] + 1)
    shares = (words >> np.uint64(11)).astype(np.float64) / 2**53
    return [
        Line(
            speaker=speaker,
            number=i,
            sentence=_sentence(int(sentences[i])),
            rate=int(rates[i]),
            pitch=int(pitches[i]),
            place=float(shares[i, 3]),
            loudness=float(shares[i, 4]),
            noise=float(shares[i, 5]),
            noise_colour=float(shares[i, 6]),
            channel=tuple(float(2 * gain - 1) for gain in shares[i, 8:]),
            noise_seed=int(words[i, 7]),
        )
        for i in range(count)
    ]


def _sentence(number: int) -> str:
    chosen: list[str] = []
    for part in _PARTS:
        number, member = divmod(number, len(part))
        chosen.append(part[member])
    return " ".join(chosen).capitalize() + "."
