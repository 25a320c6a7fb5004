"""One property, tried in two lengths: some pieces of input with every run of the tests, many in the slow ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .harness import Victim

_SUPPRESSED = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]

Property = Callable[..., None]


def forms(short: int, long: int, **pieces: st.SearchStrategy[Any]) -> Callable[[Property], tuple[Any, Any]]:
    """Make two tests of a property: one of ``short`` pieces of input, and a slow one of ``long``."""

    def made(check: Property) -> tuple[Any, Any]:
        def test(count: int, *, repeated: bool) -> Any:
            @settings(
                max_examples=count, derandomize=repeated, suppress_health_check=_SUPPRESSED, database=None
            )
            @given(**pieces)
            def tried(victim: Victim, **piece: Any) -> None:
                check(victim, **piece)

            return tried

        return test(short, repeated=True), pytest.mark.slow(test(long, repeated=False))

    return made


@st.composite
def damaged(draw: st.DrawFn, sound: list[bytes]) -> bytes:
    """A sound file with something wrong: bytes changed, cut off, repeated, or taken from another."""
    content = bytearray(draw(st.sampled_from(sound)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        match draw(st.sampled_from(["change", "cut", "repeat", "insert", "splice", "number"])):
            case "change":
                content[place : place + 1] = bytes([draw(st.integers(0, 255))])
            case "cut":
                del content[place:]
            case "repeat":
                content[place:place] = content[place : place + draw(st.integers(1, 64))] * draw(
                    st.integers(1, 50)
                )
            case "insert":
                content[place:place] = draw(st.binary(max_size=16))
            case "splice":
                content[place:] = draw(st.sampled_from(sound))[place:]
            case _:  # lengths and counts of headers stand near the beginning
                place = draw(st.integers(0, 80))
                content[place : place + 4] = draw(
                    st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"])
                )
    return bytes(content)


words = st.text(max_size=20)
odd_names = st.sampled_from(
    [
        "a/b",
        "../../../etc/passwd",
        "C:\\x",
        "\N{PILE OF POO}" * 40,
        "\N{RIGHT-TO-LEFT OVERRIDE}drow",
        "\u05e9\u05dc\u05d5\u05dd",
        "=cmd|' /C calc'!A0",
        "@SUM(1+1)",
        "<script>alert(1)</script>",
        "\x1b[2J\x1b]0;owned\x07",
        "a\0b",
        "con",
        ".hidden",
        "\ufeff",
        "x" * 5000,
        "$\\frac{1}{0}$",
        "a\nb\tc",
        "\u200b",
        "\ufdfd",
        "Z\u0351\u036b" * 200,
    ]
)
