"""For those who test with kshot: a tiny separable source, and an encoder for it."""

from kshot.testing.toy import Toy, toy_encoder

__all__ = ["Toy", "toy_encoder"]
