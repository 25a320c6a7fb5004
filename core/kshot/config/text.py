"""YAML text, read safely and without surprises."""

from __future__ import annotations

import re
from typing import Any, cast

import yaml

from kshot.config.slips import told

MAX_CHARACTERS = 2**18
"""Of one text: what a person writes is a hundredth of it, and reading it takes seconds."""
MAX_VALUES = 100_000
"""In one text, with what stands at aliases counted each time: nine lines of aliases are a billion values."""
MAX_BITS = 63
"""Of a whole number."""
_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Safe YAML with the traps of YAML 1.1 removed.

    A key that stands twice in one mapping is refused; ``1e-3`` is a number; ``yes``, ``no``,
    ``on`` and ``off``, ``1:30``, ``01`` and ``2024-01-31`` are words (class names and names of folds,
    often enough), only true and false are booleans. A whole number fits into 64 bits.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str | int, int] = {}
        for key_node, _ in node.value:
            mark = key_node.start_mark
            if key_node.tag == _MERGE:
                problem = "<< is not read; write its keys here, or in a file to include"
                raise yaml.constructor.ConstructorError(None, None, problem, mark)
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str | int):
                if key in lines:
                    problem = f"the key '{key}' stands twice, the first time at line {lines[key]}"
                    raise yaml.constructor.ConstructorError(None, None, problem, mark)
                lines[key] = mark.line + 1
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        number = super().construct_yaml_int(node)
        if number.bit_length() > MAX_BITS:  # Python does not even print those of thousands of digits
            problem = f"a whole number of {number.bit_length()} bits; up to {MAX_BITS} are read"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return number


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_OTHERWISE = {f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "int", "timestamp")}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _OTHERWISE]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(true|false|True|False)$"), list("tfTF"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"([-+]?(0|[1-9][0-9_]*|0b[01_]+|0x[0-9a-fA-F_]+))$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"([-+]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][-+]?\d+)?|[-+]?\.inf|\.nan)$"),
    list("-+0123456789."),
)


def parse(text: str) -> Any:
    """YAML text → plain values.

    Raises:
        ValueError: not YAML, a key that stands twice, a value that contains itself, or more than is read; in one
            line, which names the text's where it can.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"{len(text):,} characters or more; up to {MAX_CHARACTERS:,} are read")
    try:
        value = yaml.load(text, Loader=_Loader)
        if _count(value, {}) > MAX_VALUES:
            raise ValueError(
                f"more than {MAX_VALUES:,} values, each alias (*name) counted as what it stands for"
            )
        return unshared(value)
    except yaml.YAMLError as error:
        raise ValueError(told(error, text)) from error
    except RecursionError:
        raise ValueError("a value contains itself, or lies too deep in others") from None
    except (KeyError, IndexError, AttributeError, TypeError, OverflowError) as error:
        # What the library's constructors make of a tag such as !!int in front of what is none.
        raise ValueError("a value does not fit the tag (!!name) in front of it") from error


def _count(value: Any, known: dict[int, int]) -> int:
    """How many values there are once nothing is shared, without making them."""
    if not isinstance(value, dict | list):
        return 1
    place = id(cast("object", value))
    if place not in known:
        inside = (
            cast("dict[Any, Any]", value).values() if isinstance(value, dict) else cast("list[Any]", value)
        )
        known[place] = 1 + sum(_count(one, known) for one in inside)
    return known[place]


def unshared(value: Any) -> Any:
    """A copy in which what stood twice (a YAML alias) is two things: to change one leaves the other."""
    if isinstance(value, dict):
        return {key: unshared(one) for key, one in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list):
        return [unshared(one) for one in cast("list[Any]", value)]
    return value
