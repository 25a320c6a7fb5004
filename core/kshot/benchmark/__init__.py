"""From a configuration to results: plan the cells, run what is missing, write what was found."""

from kshot.benchmark.data import data_problems, left_out
from kshot.benchmark.follow import follow_benchmark
from kshot.benchmark.plan import Plan, PlannedCell, make_plan
from kshot.benchmark.run import run_benchmark

__all__ = [
    "Plan",
    "PlannedCell",
    "data_problems",
    "follow_benchmark",
    "left_out",
    "make_plan",
    "run_benchmark",
]
