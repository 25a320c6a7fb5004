"""What a benchmark found: the schema of its results, and their files and tables."""

from kshot.results.comparison import Compared, Comparison, Pair, Ranked, Ranking
from kshot.results.entry import Entry
from kshot.results.inside import INSIDE, Inside, Moment, inside_path
from kshot.results.legend import legend
from kshot.results.projection import PROJECTION, Projection, projection_path
from kshot.results.rejection import RejectionRow, RejectionTable, rejection_legend, rejection_tables
from kshot.results.sample import Sample, SampleExample, sample_path
from kshot.results.schema import (
    SCHEMA,
    Cell,
    CurvePoint,
    Measure,
    Results,
    Score,
    Train,
    without_times,
)
from kshot.results.sheet import sheet
from kshot.results.store import (
    FILE,
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
from kshot.results.tables import Column, Row, Table, Value, labeller, tables
from kshot.results.unknown import UnknownQueries

__all__ = [
    "FILE",
    "INSIDE",
    "PROJECTION",
    "SCHEMA",
    "Cell",
    "Column",
    "Compared",
    "Comparison",
    "CurvePoint",
    "Entry",
    "Inside",
    "Measure",
    "Moment",
    "Pair",
    "Projection",
    "Ranked",
    "Ranking",
    "RejectionRow",
    "RejectionTable",
    "Results",
    "Row",
    "Sample",
    "SampleExample",
    "Score",
    "Table",
    "Train",
    "UnknownQueries",
    "Value",
    "inside_path",
    "labeller",
    "legend",
    "load",
    "load_samples",
    "load_worst",
    "projection_path",
    "read_entry",
    "rejection_legend",
    "rejection_tables",
    "sample_path",
    "save",
    "save_sample",
    "save_worst",
    "sheet",
    "summary",
    "tables",
    "without_times",
    "write_entry",
    "write_text",
]
