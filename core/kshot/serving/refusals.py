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


AMBIGUOUS, UNREADABLE, NOT_THERE, TOO_LARGE, OTHER_MEDIA, OTHER_HOST, FORBIDDEN = (
    400,
    422,
    404,
    413,
    415,
    421,
    403,
)
