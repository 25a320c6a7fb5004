"""The table as Markdown, with the machine and the versions it was made on."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rows import PEERS, ROWS, Row

if TYPE_CHECKING:
    from harness import Table, Timed

_VERSIONS = """
import importlib.metadata, json, sys
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
print(json.dumps({name: version(name) for name in sys.argv[1:]}))
"""


def write(table: Table, pythons: Mapping[str, Path], to: Path | None) -> None:
    """Print the page, or write it to a file."""
    lines = [*_table(table), "", *_memory(table), "", *_provenance(pythons)]
    text = "\n".join(lines) + "\n"
    if to is None:
        sys.stdout.write(text)
        return
    # What people wrote above the mark stays.
    before = to.read_text().split(MARK)[0] if to.exists() else "# Speed\n\n"
    to.write_text(f"{before}{MARK}\n\n{text}")


MARK = "<!-- below: written by make speed -->"


def _table(table: Table) -> list[str]:
    heads = ["work", "kshot", "reference", *PEERS, "kshot / reference", "kshot / best peer", "goal"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in ROWS:
        if row.name in table:
            lines.append("| " + " | ".join(_cells(row, table)) + " |")
    return [
        *lines,
        "",
        "Units a second: the median turn, with the lowest and the highest. A dash: it has no such work.",
    ]


def _cells(row: Row, table: Table) -> list[str]:
    timed = table[row.name]
    ours = timed["kshot"]
    reference = timed.get("reference")
    rivals = table.get(row.peer_row, {}) if row.peer_row else timed
    best = max((rivals[name].median for name in PEERS if name in rivals and rivals[name].rates), default=None)
    return [
        f"{row.name}, {row.unit}/s",
        _rate(ours),
        _rate(reference),
        *(_rate(timed.get(name)) for name in PEERS),
        _ratio(ours, reference.median if reference and reference.rates else None),
        _ratio(ours, best),
        f"{row.goal:g}" if row.goal else "",
    ]


def _rate(timed: Timed | None) -> str:
    if timed is None:
        return "–"
    if not timed.rates:
        return f"not measured: {timed.refused[:120]}".replace("|", "/")
    return f"{figure(timed.median)} ({figure(min(timed.rates))} to {figure(max(timed.rates))})"


def figure(rate: float) -> str:
    """Four digits that count, thousands apart and without an exponent."""
    return f"{float(f'{rate:.4g}'):,.10g}"


def _ratio(ours: Timed, other: float | None) -> str:
    return f"{ours.median / other:.2f}" if ours.rates and other else ""


def _memory(table: Table) -> list[str]:
    names = ["kshot", "reference", *PEERS]
    lines = ["Peak memory of the process, MiB (data and torch included):", ""]
    lines += ["| work | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for row, timed in table.items():
        cells = [f"{timed[name].peak:,.0f}" if name in timed and timed[name].rates else "–" for name in names]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return lines


def _provenance(pythons: Mapping[str, Path]) -> list[str]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    ours = _versions(pythons["kshot"], ["kshot", "torch", "numpy"])
    theirs = _versions(pythons[PEERS[0]], ["torch", *PEERS])
    return [
        f"Machine: {_processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}.",
        f"Versions: {ours}; peers: {theirs}. Commit {commit.stdout.strip()}, {datetime.now(UTC):%Y-%m-%d}.",
        "Command: `make speed`.",
    ]


def _versions(python: Path, names: list[str]) -> str:
    try:
        out = subprocess.run(
            [str(python), "-c", _VERSIONS, *names], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        return f"unknown ({error})"
    return ", ".join(f"{name} {version or 'missing'}" for name, version in json.loads(out).items())


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
