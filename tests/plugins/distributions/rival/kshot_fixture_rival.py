"""A plugin that brings a name which another one brings too."""

from kshot import EncoderSpec, hookimpl

KSHOT_API = 1


@hookimpl
def kshot_encoders():
    return [
        EncoderSpec("toy", "another encoder of that name", "math:sqrt", modality="toy"),
        EncoderSpec("rare", "only here", "math:sqrt", modality="toy"),
    ]
