"""Runs the Python blocks of pages, a process for each page: a program, given the blocks as JSON.

What takes seconds to import is imported once, before the processes part.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
import warnings


def run(page: str, codes: list[str]) -> int:
    """Run the blocks of a page, each by itself; 0 if all is good."""
    warnings.simplefilter("error")
    for number, code in enumerate(codes):
        try:
            exec(compile(code, f"<{page}, block {number}>", "exec"), {"__name__": "__main__"})
        except BaseException:
            print(f"{page}, Python block {number}:", traceback.format_exc(), sep="\n", file=sys.stderr)
            return 1
    print("ran", page)
    return 0


def main() -> int:
    pages: dict[str, list[str]] = json.load(sys.stdin)
    import kshot.benchmark
    import kshot.classifier  # noqa: F401
    import torch

    torch.set_num_threads(1)
    bad = 0
    for page, codes in pages.items():
        with tempfile.TemporaryDirectory(dir=".") as folder:
            if (child := os.fork()) == 0:
                os.chdir(folder)
                code = run(page, codes)
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
            bad += os.waitpid(child, 0)[1] != 0
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
