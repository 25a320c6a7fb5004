"""What a client is told when the answer is no."""

from __future__ import annotations

from kshot.errors import KshotError


class RefusedError(KshotError):
    """A request that is not met.

    Args:
        status: HTTP's number for it.
        reason: one line for people.
    """

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


AMBIGUOUS, FORBIDDEN, NOT_THERE, TOO_LARGE = 400, 403, 404, 413
OTHER_MEDIA, OTHER_HOST, UNREADABLE = 415, 421, 422
