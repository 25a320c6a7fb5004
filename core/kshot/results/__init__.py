"""What a benchmark found: the schema of its results, and their files and tables."""

from kshot.results.projection import PROJECTION, Projection, projection_path
from kshot.results.sample import Sample, SampleExample, sample_path
from kshot.results.schema import (
    SCHEMA,
    Cell,
    CurvePoint,
    Entry,
    Measure,
    Results,
    Score,
    Train,
    without_times,
)
from kshot.results.sheet import sheet
from kshot.results.store import (
    load,
    load_samples,
    load_worst,
    read_entry,
    save,
    save_sample,
    save_worst,
    write_entry,
    write_text,
)
from kshot.results.summary import summary
from kshot.results.tables import Column, Row, Table, Value, labeller, table, tables

__all__ = [
    "PROJECTION",
    "SCHEMA",
    "Cell",
    "Column",
    "CurvePoint",
    "Entry",
    "Measure",
    "Projection",
    "Results",
    "Row",
    "Sample",
    "SampleExample",
    "Score",
    "Table",
    "Train",
    "Value",
    "labeller",
    "load",
    "load_samples",
    "load_worst",
    "projection_path",
    "read_entry",
    "sample_path",
    "save",
    "save_sample",
    "save_worst",
    "sheet",
    "summary",
    "table",
    "tables",
    "without_times",
    "write_entry",
    "write_text",
]
