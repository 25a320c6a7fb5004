"""The speakers, as data: 72 variants of eSpeak NG 1.52 that differ to the ear.

Of the 104 variants that ``espeakng-loader`` ships many are near-copies of one another
(``klatt6`` and ``adam``, ``steph2`` and ``steph3``, ``benjamin`` and ``edward2``). Each was
described by the mean and deviation of 40 log-mel bands over 18 clean utterances (three
pitches, rates 140-210), the distance of two variants being the root mean square difference in
units of the spread within a variant. The closest pair then lost the member with the nearer
second neighbour, until 72 were left: the closest pair is now 1.4 spreads apart (0.2 before),
the median nearest neighbour 2.1. The split is by order of the SHA-1 of the name.
"""

from __future__ import annotations

from collections.abc import Mapping

from kshot.interfaces import Split

TRAIN = (
    *("Alex", "Alicia", "Andrea", "Andy", "Annie", "AnxiousAndy", "Demonic", "Denis", "Gene2", "Hugo"),
    *("Jacky", "Marco", "Mario", "Mr serious", "RicishayMax", "Tweaky", "UniRobot", "antonio", "belinda"),
    *("boris", "caleb", "david", "ed", "f1", "f2", "f3", "f4", "grandma", "grandpa", "gustave", "iven2"),
    *("iven4", "m1", "m3", "m7", "m8", "miguel", "mike2", "norbert", "pablo", "paul", "quincy"),
    *("robosoft2", "sandro", "steph", "travis", "victor", "whisperf"),
)
VALIDATION = ("Lee", "edward", "f5", "ian", "kaukovalta", "klatt2", "robosoft7", "whisper")
TEST = (
    *("Reed", "RicishayMax2", "Storm", "anika", "iven3", "klatt3", "linda", "m2", "m4", "marcelo", "max"),
    *("pedro", "robert", "robosoft", "shelby", "zac"),
)
SPEAKERS: Mapping[Split, tuple[str, ...]] = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
"""Variants of each split."""
