"""A plugin whose second hook asks for an argument that does not exist."""

from kshot import EncoderSpec, hookimpl

KSHOT_API = 1


@hookimpl
def kshot_encoders():
    return [EncoderSpec("half", "a hook that is registered first", "math:sqrt", modality="toy")]


@hookimpl
def kshot_learners(configuration):
    return []
