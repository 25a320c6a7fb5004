"""The pages of the documentation, and the blocks of code on them.

A block says its language. ``sh`` is run, all blocks of a page in one folder, in the order of the page; ``python``
is run, each block by itself; ``yaml`` is a configuration. A block with a title (``yaml title="mine.yaml"``) is
also written to that file before the commands after it run. What cannot be run here has its reason in the line
above: ``<!-- not run: needs the network -->``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        # Tools leave pages of their own in hidden folders.
        *(path for path in DOCS.rglob("*.md") if "/." not in path.relative_to(ROOT).as_posix()),
        *(ROOT / "plugins").glob("*/README.md"),
    ],
    key=lambda path: path.as_posix(),
)
LANGUAGES = {"python", "sh", "yaml", "text", "bibtex"}
REASONS = {
    "needs the network",
    "needs the data",
    "needs an account",
    "needs a cluster",
    "needs several GPUs",
    "needs a server that stays up; the tests of serving ask one",
    "needs the package; its own tests are run",
    "needs minutes: continuous integration runs it",
    "needs minutes: continuous integration runs both, the benchmark on a small budget",
    "needs an idle machine",
    "needs half an hour",
}

FENCE = re.compile(
    r'^(?:<!-- not run: (?P<reason>[^\n]*) -->\n)?^```(?P<language>\w*)(?: title="(?P<title>[\w.-]+)")?'
    r"(?P<rest>[^\n]*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: as the page says it; empty where it says none.
        title: of the file that it is; empty: none.
        code: its lines.
        reason: why it is not run; empty: it is.
        rest: what else stands beside the language.
    """

    language: str
    title: str
    code: str
    reason: str
    rest: str


def name_of(page: Path) -> str:
    """A page's place in the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page, in their order."""
    return [
        Block(found["language"], found["title"] or "", found["code"], found["reason"] or "", found["rest"])
        for found in FENCE.finditer(page.read_text())
    ]


def pages_with(language: str) -> list[Path]:
    """Pages on which a block of a language is run."""
    return [
        page
        for page in PAGES
        if any(block.language == language and not block.reason for block in blocks_of(page))
    ]


def every_block() -> Iterator[tuple[Path, Block]]:
    """All blocks, with their pages."""
    for page in PAGES:
        for block in blocks_of(page):
            yield page, block
