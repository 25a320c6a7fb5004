"""A plugin whose hook raises."""

from kshot import SourceSpec, hookimpl

KSHOT_API = 1


@hookimpl
def kshot_sources():
    return [SourceSpec("Not A Name", "refused by the spec itself", "math:sqrt", modality="toy")]
