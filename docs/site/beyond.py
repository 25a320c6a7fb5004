"""Pages of the site that lie elsewhere in the repository, and links that lead there.

Pages are written for the repository, where every link is a path from file to file. A link that leaves ``docs/``
is led to the page or file of the site that holds the same; one that holds nowhere is left, and stops the build.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
DOCS = "docs/"

PAGES = {
    "CHANGELOG.md": "about/changes.md",
    "CONTRIBUTING.md": "about/contributing.md",
    "SECURITY.md": "about/security.md",
    "plugins/image/README.md": "reference/images.md",
    "plugins/audio/README.md": "reference/speech.md",
    "plugins/text/README.md": "reference/texts.md",
}
"""Files outside ``docs/`` that are pages here; one that is not there yet is passed over."""

STAND_INS = {
    "README.md": "index.md",
    "core/kshot/interfaces.py": "reference/interfaces.md",
    "core/kshot/specs.py": "reference/specs.md",
}
"""Files whose place here is taken by a page of the site's own."""

LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")


def on_files(files: Files, config: Any) -> Files:
    """Take in the pages, and the shipped configurations as files to download."""
    for outside, page in PAGES.items():
        if (ROOT / outside).exists():
            files.append(File.generated(config, page, abs_src_path=str(ROOT / outside)))
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        files.append(File.generated(config, f"configs/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Lead links that leave ``docs/`` to where the site has the same."""
    del config
    own = page.file.src_uri
    lies_at = {page: outside for outside, page in PAGES.items()}.get(own, DOCS + own)

    def led(match: re.Match[str]) -> str:
        opening, target, anchor, closing = match.groups()
        if ":" in target:
            return match[0]
        place = _place(posixpath.normpath(posixpath.join(posixpath.dirname(lies_at), target)))
        if files.get_file_from_path(place) is None:
            return match[0]
        return f"{opening}{posixpath.relpath(place, posixpath.dirname(own) or '.')}{anchor or ''}{closing}"

    return LINK.sub(led, markdown)


def _place(path: str) -> str:
    """Where the site has a file of the repository."""
    if path.startswith(f"{DOCS}notebooks/"):
        path = path.replace(".ipynb", ".md")
    return (PAGES | STAND_INS).get(path, path.removeprefix(DOCS))
