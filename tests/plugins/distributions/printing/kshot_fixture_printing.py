"""A plugin that prints, into the JSON if nobody stopped it."""

from kshot import MetricSpec, hookimpl

KSHOT_API = 1


print("hello from import")


@hookimpl
def kshot_metrics():
    print("hello from a hook")
    return [MetricSpec("printed", "a metric", "math:sqrt")]
