"""Entry point: specs only, no heavy import."""

from __future__ import annotations

from collections.abc import Sequence

from kshot import EncoderSpec, ReaderSpec, SourceSpec, Trial, hookimpl

KSHOT_API = 1


@hookimpl
def kshot_encoders() -> Sequence[EncoderSpec]:
    """The plugin's encoders."""
    return (
        EncoderSpec(
            name="tcn",
            summary="dilated residual convolutions over time, masked pooling; any length",
            factory="kshot_series.encoders.temporal:TemporalConvolutions",
            paper="Bai, Kolter, Koltun 2018, arXiv:1803.01271",
            modality="series",
            trial=Trial({"width": 8, "blocks": 2, "dim": 12}),
        ),
        EncoderSpec(
            name="autocorrelation",
            summary="untrained baseline: autocorrelations and moments of a curve and of its steps",
            factory="kshot_series.encoders.autocorrelation:Autocorrelation",
            paper="Box, Jenkins, Time Series Analysis, 1970",
            modality="series",
            trial=Trial({"lags": 12}),
        ),
    )


@hookimpl
def kshot_sources() -> Sequence[SourceSpec]:
    """The plugin's sources."""
    return (
        SourceSpec(
            name="processes",
            summary="72 laws of 12 random processes, drawn on your machine; test families are never seen before",
            factory="kshot_series.processes:Processes",
            licence="Apache-2.0",
            modality="series",
            tiny=True,
            trial=Trial({"laws": 1, "per_class": 10, "noise": 0.1}),
        ),
        SourceSpec(
            name="series_table",
            summary="your own curves: class folders of CSV files, or a table with the numbers in a column",
            factory="kshot_series.table:series_table",
            licence="that of your data",
            modality="series",
            trial=Trial("kshot_series.trials:series_table"),
        ),
    )


@hookimpl
def kshot_readers() -> Sequence[ReaderSpec]:
    """How curves are taken as people have them."""
    return (
        ReaderSpec(
            name="series",
            summary="a list, an array or a tensor of numbers, or the path of a CSV file",
            factory="kshot_series.reading:SeriesReader",
            modality="series",
        ),
    )
