"""What is wrong with YAML text: the line, and the mend of what people often write."""

from __future__ import annotations

import yaml


def told(error: yaml.YAMLError, text: str) -> str:
    """What the library found in a text, in one line."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"line {line}: a character that is no text ({text[error.position]!r})"
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return " ".join(str(error).split())
    mark, context, problem = error.problem_mark, error.context or "", error.problem or ""
    line = f"line {mark.line + 1}"
    if problem.endswith("cannot start any token"):
        return f"{line}: {_cannot_start(text, mark.index)}"
    if context.startswith(("while scanning an alias", "while scanning an anchor")):
        return f"{line}: a text that begins with {'*' if 'alias' in context else '&'} needs quotes"
    if problem.startswith("found undefined alias"):
        return f"{line}: {problem.removeprefix('found ')}; a text that begins with * needs quotes"
    if problem.startswith("mapping values are not allowed"):
        mend = "check how it is indented, and the ':' of the line above; a text that holds ': ' needs quotes"
        return f"{line}: a key where none can stand; {mend}"
    if problem.startswith("expected <block end>"):
        return f"{line}: indented otherwise than the lines above it"
    since = f" ({context}, line {error.context_mark.line + 1})" if error.context_mark else ""
    return f"{line}, column {mark.column + 1}: {problem}{since}"


def _cannot_start(text: str, place: int) -> str:
    if text[place] != "\t":
        return f"a text that begins with {text[place]} needs quotes"
    before = text[:place].rpartition("\n")[2].strip()
    return f"a tab after '{before}'; write spaces" if before else "indented with a tab; indent with spaces"
