"""Notebooks as pages: their texts, their cells, and what the cells gave when they were last run."""

from __future__ import annotations

import base64
import json
import re
from pathlib import PurePosixPath
from typing import Any

from mkdocs.structure.files import File, Files

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def on_files(files: Files, config: Any) -> Files:
    """Put a page, with its pictures, beside each notebook, which stays as a file to download."""
    for file in [one for one in files if one.src_uri.endswith(".ipynb")]:
        path = PurePosixPath(file.src_uri)
        page, pictures = as_markdown(json.loads(file.content_string), path.stem)
        files.append(File.generated(config, str(path.with_suffix(".md")), content=page))
        for name, content in pictures.items():
            files.append(File.generated(config, str(path.parent / name), content=content))
    return files


def as_markdown(notebook: dict[str, Any], stem: str) -> tuple[str, dict[str, bytes]]:
    """A notebook's page, and the pictures on it by their names."""
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for number, cell in enumerate(notebook["cells"]):
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else fenced("python", source))
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                name = f"{stem}-{len(pictures)}.png"
                pictures[name] = base64.b64decode(data["image/png"])
                parts.append(f"![Picture drawn by cell {number}]({name})")
            elif text := COLOURS.sub("", "".join(output.get("text", data.get("text/plain", "")))).rstrip():
                parts.append(fenced("text", text))
    title, _, rest = "\n\n".join(parts).partition("\n\n")
    return f"{title}\n\n[This page as a notebook]({stem}.ipynb)\n\n{rest}\n", pictures


def fenced(language: str, text: str) -> str:
    """A block of code or of output."""
    return f"```{language}\n{text}\n```"
