"""A key written into a file that people wrote: all else stays, to the letter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kshot.config import parse, with_key

FILE = """\
# what is compared
name: x   # its name
learners:
  - prototypical  # one
strategy:
  cpu:
    # measured
    "*": {chunk: 20}

# how it trains
train: {episodes: 10}
"""
CHUNK = {"cpu": {"maml.*": {"chunk": 80}}}


def test_a_key_is_replaced_where_it_stands() -> None:
    changed = with_key(FILE, "strategy", CHUNK)
    assert parse(changed) == parse(FILE) | {"strategy": CHUNK}
    above, below = FILE.split("strategy:")[0], FILE.split("{chunk: 20}\n")[1]
    assert changed.startswith(above)
    assert changed.endswith(below)
    assert "measured" not in changed


@pytest.mark.parametrize("text", ["name: x", "name: x\n", "name: x\n# end\n", "", "# nothing yet\n"])
def test_a_new_key_comes_last(text: str) -> None:
    changed = with_key(text, "strategy", CHUNK)
    assert changed.startswith(text)
    assert parse(changed) == (parse(text) or {}) | {"strategy": CHUNK}


def test_an_empty_value_takes_the_key_away() -> None:
    changed = with_key(FILE, "strategy", {})
    assert parse(changed) == {key: value for key, value in parse(FILE).items() if key != "strategy"}
    assert with_key(changed, "strategy", {}) == changed


@pytest.mark.parametrize("text", ["{name: x}\n", "{name: x, strategy: {}}\n"])
def test_a_file_that_cannot_be_changed_in_one_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="'strategy' cannot be put in its place"):
        with_key(text, "strategy", CHUNK)


lines = st.lists(
    st.sampled_from(["a: 1\n", "b: [1, 2]\n", "c:\n  d: 2 # two\n", "# comment\n", "\n", "e: |\n  text\n"])
)


@given(lines, st.integers(0, 6))
def test_whatever_stands_around_it_stays(parts: list[str], place: int) -> None:
    parts = list(dict.fromkeys(parts))
    text = "".join([*parts[:place], "strategy: {cpu: {}}\n", *parts[place:]])
    changed = with_key(text, "strategy", CHUNK)
    assert parse(changed) == parse(text) | {"strategy": CHUNK}
    for part in parts:
        assert part in changed
