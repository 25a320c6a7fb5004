"""Names and messages that are safe to print: whatever a class or a file is called."""

from __future__ import annotations

import re
import unicodedata

_BIDI_OVERRIDES = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_LATEX = str.maketrans(
    {char: f"\\{char}" for char in "{}$&#%_"}
    | {
        "\\": r"\textbackslash{}",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"{\char34}",
        "±": r"$\pm$",
        "≈": r"$\approx$",
    }
)
_LIGATURE = re.compile(r"([-`',?!<>])(?=[-`',<>])")
"""Characters that LaTeX's fonts would set as one other with what follows."""
_FORMULA = re.compile(r"""((?:^|;)[\s"]*)(?=[=+\-@＝＋－＠])""")
_MARKDOWN = re.compile(r"([\\`*\[\]|~#$])|(?<![^\W_])(_)|(_)(?![^\W_])")


def printable(text: str) -> str:
    """One line: white space collapsed, control characters and direction overrides gone.

    A name may hold anything, an escape sequence for the terminal included.
    """
    return visible(" ".join(text.split()))


def visible(line: str) -> str:
    """A line in which what is no character to be seen, but an order, has no force: spaces stay as they are."""
    plain = line.translate(_BIDI_OVERRIDES)
    return "".join("\ufffd" if unicodedata.category(char) in ("Cc", "Cs") else char for char in plain)


def markdown(text: str) -> str:
    """``text`` as literal Markdown on one line, in or out of a table."""
    escaped = _MARKDOWN.sub(lambda match: "\\" + match.group(0), printable(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def latex(text: str) -> str:
    """``text`` as literal LaTeX on one line: no character of it is a command."""
    return _LIGATURE.sub(r"\1{}", printable(text).translate(_LATEX))


def unformula(text: str) -> str:
    """``text`` for a spreadsheet: an apostrophe stands before what would be read as a formula.

    That is at its beginning, and after a semicolon: where that separates fields, as in much of Europe, a
    comma's quotes protect nothing.
    """
    return _FORMULA.sub(r"\1'", printable(text))


def percent(fraction: float) -> str:
    """0.9512 → ``"95.1"``."""
    return f"{100 * fraction:.1f}"


def score(accuracy: float, ci95: float | None) -> str:
    """0.951, 0.004 → ``"95.1 ± 0.4"``, in per cent."""
    return percent(accuracy) if ci95 is None else f"{percent(accuracy)} ± {percent(ci95)}"


def clock(seconds: float) -> str:
    """72.4 → ``"1 min 12 s"``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def pace(episodes: int, total: int, seconds: float) -> str:
    """300, 400, 10 → ``"30 episodes/s, 3 s left"``; one episode at least is done."""
    speed = episodes / max(seconds, 1e-9)
    return f"{speed:.0f} episodes/s, {clock((total - episodes) / speed)} left"


def rank(number: float | None) -> str:
    """2.333 → ``"2.33"``; empty for a row that was not ranked."""
    return "" if number is None else f"{number:.2f}"


def p_value(p: float) -> str:
    """0.0312 → ``"0.031"``, 1e-8 → ``"< 0.001"``."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
