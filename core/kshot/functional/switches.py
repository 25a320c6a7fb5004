"""Settings of the whole process, of which several threads need another value for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import final


@final
class Switch:
    """One context for all threads: the first to enter it turns the setting, the last to leave turns it back.

    Were each to save the setting and to restore it, one would restore it while another relies on it, and
    that one would in the end restore what the first had set.

    Args:
        turned: makes a context in which the setting is another; it may be left by another thread than
            the one that entered it.
    """

    def __init__(self, turned: Callable[[], AbstractContextManager[object]]) -> None:
        self._turned = turned
        self._lock = threading.Lock()
        self._context: AbstractContextManager[object] | None = None
        self._inside = 0

    @contextmanager
    def __call__(self) -> Generator[None]:
        """Have the setting turned inside the block; threads that did not ask see it turned, too."""
        with self._lock:
            if self._context is None:
                context = self._turned()
                context.__enter__()
                self._context = context
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    context, self._context = self._context, None
                    context.__exit__(None, None, None)
