"""The configuration a user writes: one YAML file, read strictly, all its errors told at once."""

from kshot.config.configuration import Configuration
from kshot.config.editing import with_key
from kshot.config.overriding import override
from kshot.config.parts import (
    EncoderVariant,
    EvaluateOverride,
    LearnerVariant,
    Lora,
    Overrides,
    SourceEntry,
    Subset,
    Tower,
    Tuning,
    Use,
    Variant,
)
from kshot.config.problems import check, problems_of
from kshot.config.reading import read
from kshot.config.schema import json_schema
from kshot.config.settings import Settings, settings_of
from kshot.config.shapes import FixedEntry, ShapeEntry, TestedShape
from kshot.config.stages import Evaluate, Loading, Optimisation, Pretrain, Train, Unknown
from kshot.config.strategy import Strategies, StrategyEntry
from kshot.config.strict import Strict
from kshot.config.text import parse

__all__ = [
    "Configuration",
    "EncoderVariant",
    "Evaluate",
    "EvaluateOverride",
    "FixedEntry",
    "LearnerVariant",
    "Loading",
    "Lora",
    "Optimisation",
    "Overrides",
    "Pretrain",
    "Settings",
    "ShapeEntry",
    "SourceEntry",
    "Strategies",
    "StrategyEntry",
    "Strict",
    "Subset",
    "TestedShape",
    "Tower",
    "Train",
    "Tuning",
    "Unknown",
    "Use",
    "Variant",
    "check",
    "json_schema",
    "override",
    "parse",
    "problems_of",
    "read",
    "settings_of",
    "with_key",
]
