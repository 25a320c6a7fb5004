"""A plugin with requirements that do not count: an extra, another platform, another name."""

from kshot import MetricSpec, hookimpl

KSHOT_API = 1


@hookimpl
def kshot_metrics():
    return [MetricSpec("optional", "a metric", "math:sqrt")]
