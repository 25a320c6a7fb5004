"""The command line. Importing it costs nothing: the commands are imported when one is asked for."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import cast

from kshot.cli.stopping import described, exit_code, request, terminable
from kshot.cli.waiting import wait_briefly
from kshot.errors import ConfigurationError, KshotError

FAILED_CELL = 1
BAD_INPUT = 2
INTERNAL = 70
"""Exit code of a fault of kshot's own (EX_SOFTWARE); never a cell's and never a user's."""
BROKEN_PIPE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: good. 1: a cell failed, or something to be classified could not be used. 2: bad usage or configuration.
    70: a fault in kshot itself. 130: interrupted. 143: terminated. A traceback is shown with ``--debug`` only,
    which may stand anywhere.
    """
    _open_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A class may be called what the terminal's encoding, or any, has no letters for.
        sys.stdout.reconfigure(errors="backslashreplace")
    wait_briefly()
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug, rest = _without_debug(given)
    try:
        with terminable():
            code = _run(rest)
            sys.stdout.flush()
    except KeyboardInterrupt as stop:
        print(f"kshot: {described(stop)}", file=sys.stderr)
        return exit_code(stop)
    except BrokenPipeError:
        return _quiet()
    except Exception as error:
        return _report(error, debug)
    return code


def _open_streams() -> None:
    """Give a process that was started without one of the standard streams an empty one.

    Python has None for them then, and the first file that is opened gets their number, to which libraries
    write what they have to say.
    """
    # In the order of their numbers, of which the lowest that is free is given first.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8", errors="backslashreplace"))  # noqa: PTH123, SIM115


def _without_debug(arguments: list[str]) -> tuple[bool, list[str]]:
    """Take ``--debug`` out wherever it stands: typer would accept it in one place only."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = [argument for argument in arguments[:end] if argument != "--debug"]
    return len(options) < end, options + arguments[end:]


def _run(arguments: list[str]) -> int:
    from kshot.cli.app import app

    try:
        app(args=arguments, prog_name="kshot")
    except SystemExit as leave:
        if isinstance(leave.__context__, BrokenPipeError):
            raise leave.__context__ from None
        if stop := request(leave):  # typer makes an exit code of it
            raise stop from None
        return _code(leave)
    return 0


def _code(leave: SystemExit) -> int:
    code = cast("object", leave.code)
    if code is None or isinstance(code, int):
        return code or 0
    print(f"kshot: {code}", file=sys.stderr)
    return BAD_INPUT


def _report(error: Exception, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    if isinstance(error, ConfigurationError) and os.environ.get("RANK", "0") != "0":
        return BAD_INPUT  # a launcher's first process finds the same, and tells of it
    if isinstance(error, KshotError):
        print(f"kshot: {_harmless(error)}", file=sys.stderr)
        return BAD_INPUT
    if mended := _mended(error):
        print(f"kshot: {_harmless(mended)}", file=sys.stderr)
        return BAD_INPUT
    text = _harmless(f"{type(error).__name__}: {error}")
    hint = "" if debug else "; run it again with --debug to see where"
    print(f"kshot: a fault in kshot or a plugin, {text}{hint}", file=sys.stderr)
    return INTERNAL


def _mended(error: Exception) -> str:
    """What the system would not do, with the mend; empty where that is no user's matter."""
    from kshot.files import MENDS

    if not isinstance(error, OSError) or error.errno not in MENDS:
        return ""
    # What is written to a stream that is open already has no name.
    return f"{error.filename or 'the output'}: {error.strerror}; {MENDS[error.errno]}"


def _harmless(text: object) -> str:
    """A message's lines without what a terminal would obey: names of classes and files stand in it."""
    from kshot.results.text import visible

    return "\n".join(map(visible, str(text).splitlines()))


def _quiet() -> int:
    """Whoever read our output went away: end without a word, here and when Python flushes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE
