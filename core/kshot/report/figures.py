"""Figures as people read them; a dash where there is none."""

from __future__ import annotations

NONE = "–"


def count(number: int | None) -> str:
    """12345 → ``"12,345"``."""
    return NONE if number is None else f"{number:,}"


def duration(seconds: float | None) -> str:
    """94.2 → ``"1 min 34 s"``."""
    if seconds is None:
        return NONE
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def rate(per_second: float | None) -> str:
    """1234.5 → ``"1,234"``, 3.21 → ``"3.2"``."""
    if per_second is None:
        return NONE
    return f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.1f}"


def memory(size: int | None) -> str:
    """1_500_000_000 → ``"1.5 GB"``."""
    if size is None:
        return NONE
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def points(fraction: float) -> str:
    """0.751 → ``"+75.1"``, in percentage points, with a true minus sign."""
    return f"{100 * fraction:+.1f}".replace("-", "−")


def plural(number: int, noun: str) -> str:
    """1, ``"cell"`` → ``"1 cell"``; 2 → ``"2 cells"``."""
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"
