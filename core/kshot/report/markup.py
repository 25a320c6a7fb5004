"""HTML that cannot forget to escape: plain text is escaped, only ``Html`` passes as it is."""

from __future__ import annotations

import html
import re
from typing import final

_VOID = frozenset({"img", "input", "wbr"})
# HTML allows no control character but white space, and UTF-8 holds no lone surrogate.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_JOINT = re.compile(r"(?<=\w)[_./-](?=\w)")

Attribute = str | int | float | bool | None


@final
class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def escape(text: str) -> Html:
    """``text`` as HTML, in content or in a quoted attribute."""
    return text if isinstance(text, Html) else Html(html.escape(_FORBIDDEN.sub("\ufffd", text)))


def element(tag: str, *children: str, **attributes: Attribute) -> Html:
    """One element.

    Args:
        tag: its name.
        children: plain text, which is escaped, or ``Html``.
        attributes: ``class_`` stands for ``class``, other underscores for hyphens; None and
            False leave the attribute out, True writes it without a value.
    """
    opening = f"<{tag}{''.join(_attribute(name, value) for name, value in attributes.items())}>"
    return Html(opening if tag in _VOID else f"{opening}{join(*children)}</{tag}>")


def join(*parts: str) -> Html:
    """Parts one after the other, plain text escaped."""
    return Html("".join(map(escape, parts)))


def name(text: str) -> Html:
    """A name that people gave: it may break after ``_ . - /``, and its direction is its own."""
    return element("bdi", Html(_JOINT.sub(r"\g<0><wbr>", escape(text))))


def scrolling(table: Html, label: str, wide: bool = True) -> Html:
    """A table that scrolls sideways where the screen is too narrow, by keyboard too."""
    return element(
        "div", table, class_="scroll wide" if wide else "scroll", tabindex=0, role="region", aria_label=label
    )


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    written = key.rstrip("_").replace("_", "-")
    return f" {written}" if value is True else f' {written}="{escape(str(value))}"'
