"""What the specs of the good plugin name; imported when an entry is resolved and not before."""

NUMBER = 3


def encoder(*, width: int = 4) -> int:
    return width


def learner(encoder: object) -> object:
    return encoder
