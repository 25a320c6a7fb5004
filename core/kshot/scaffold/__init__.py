"""A plugin's distribution, written from templates: complete, installable, its tests green."""

from kshot.scaffold.names import Names, names_of
from kshot.scaffold.plan import ENCODED, KINDS, Kind, Plan, plan_of
from kshot.scaffold.writing import rendered, write

__all__ = ["ENCODED", "KINDS", "Kind", "Names", "Plan", "names_of", "plan_of", "rendered", "write"]
