"""An encoder repeats itself, and goes through a file unchanged."""

from __future__ import annotations

import copy

import torch
from safetensors.torch import load, save
from torch import Tensor

from kshot.episode import Inputs
from kshot.testing.encoders.embeddings import embed
from kshot.testing.expectations import expect, name_of
from kshot.testing.snapshot import Snapshot
from kshot.testing.subject import Subject


def check_determinism(subject: Subject) -> None:
    """Preparing and embedding the same twice gives the same to the bit; neither keeps anything nor
    draws from a global random state, in training mode either."""
    encoder = subject.encoder().eval()
    who, raw = name_of(encoder, subject), subject.flat[::7]
    snapshot = Snapshot(encoder, subject.device)
    first, again = encoder.prepare(raw), encoder.prepare(raw)
    mend = "leave variation to augment(), which is given a generator"
    expect(_equal(first, again), who, "prepares the same examples in two ways", mend)
    inputs = subject.place(first)
    repeats = torch.equal(embed(encoder, inputs), embed(encoder, inputs))
    expect(repeats, who, "embeds the same inputs in two ways", "use no dropout in evaluation mode")
    changes = snapshot.changes()
    expect(not changes, who, f"embedding changed {', '.join(changes[:4])}", "keep nothing between calls")
    snapshot = Snapshot(encoder.train(), subject.device)
    embed(encoder, inputs)
    drawn = [change for change in snapshot.changes() if "random state" in change]
    expect(not drawn, who, f"in training mode it draws from {', '.join(drawn)}", f"use no dropout; {mend}")


def check_augment(subject: Subject) -> None:
    """``augment`` keeps shapes and types, is a function of its generator, and does something
    exactly where ``augments`` says so."""
    encoder = subject.encoder()
    who, inputs = name_of(encoder, subject), subject.inputs()

    def varied() -> Inputs:
        return encoder.augment(dict(inputs), torch.Generator(subject.device).manual_seed(0))

    snapshot = Snapshot(encoder, subject.device)
    one, two = varied(), varied()
    mend = "vary values only, drawn from the generator that is given"
    expect(_outline(one) == _outline(inputs), who, "augment() changes names, shapes or types", mend)
    expect(_equal(one, two), who, "augment() gives two results for one generator", mend)
    changes = snapshot.changes()
    expect(not changes, who, f"augment() changed {', '.join(changes[:4])}", mend)
    expect(
        _equal(one, inputs) != encoder.augments, who, f"augments is {encoder.augments}", "tell what it does"
    )


def check_round_trip(subject: Subject) -> None:
    """Saved as safetensors and loaded into an encoder that was never fitted, it prepares and
    embeds the same to the bit; so does a deep copy."""
    encoder = subject.encoder().eval()
    who, raw = name_of(encoder, subject), subject.flat[::7]
    state = encoder.state_dict()
    odd = [name for name, value in state.items() if not isinstance(value, Tensor)]
    expect(not odd, who, f"state_dict holds no tensor under {odd}", "encode extra state as a uint8 tensor")
    other = subject.fresh(seed=2)
    content = save({name: value.detach().cpu().clone().contiguous() for name, value in state.items()})
    other.load_state_dict(load(content))
    expected, inputs = encoder.prepare(raw), subject.inputs()
    for one, how in ((other, "loaded from its state_dict"), (copy.deepcopy(encoder), "copied")):
        restored = one.to(subject.device).eval()
        mend = "keep in the constructor's options or in state_dict all that prepare and forward depend on"
        expect(_equal(restored.prepare(raw), expected), who, f"{how} it prepares otherwise", mend)
        same = torch.equal(embed(restored, inputs), embed(encoder, inputs))
        expect(same, who, f"{how} it embeds otherwise", mend)


def _equal(one: Inputs, other: Inputs) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def _outline(inputs: Inputs) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (leaf.shape, leaf.dtype) for name, leaf in inputs.items()}
