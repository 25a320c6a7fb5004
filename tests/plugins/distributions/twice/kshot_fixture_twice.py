"""A plugin that brings one name twice."""

from kshot import MetricSpec, hookimpl

KSHOT_API = 1


@hookimpl
def kshot_metrics():
    return [MetricSpec("same", "a metric", "math:sqrt"), MetricSpec("same", "a metric", "math:cos")]
