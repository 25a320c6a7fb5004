"""The source ``audio_table``: a user's own recordings."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from kshot.interfaces import Presentation, Source
from kshot.tables import DEFAULT_SPLIT, OnError, SplitOptions, table_source
from pydantic import Field

from kshot_audio.waveform import MAX_SECONDS, decode, encode_wav

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")


def audio_table(
    *,
    path: str | list[str],
    audio: str | list[str] = "audio",
    label: str | list[str] = "label",
    split: SplitOptions = DEFAULT_SPLIT,
    class_groups: list[str] | None = None,
    example_groups: list[str] | None = None,
    files: str = "",
    on_error: OnError = "raise",
    out_of_scope: str | None = None,
    max_seconds: Annotated[float, Field(gt=0)] = MAX_SECONDS,
) -> Source:
    """Recordings from Parquet, CSV or JSON Lines, a folder of one folder per class, or the hub.

    Several channels are averaged; any sampling rate will do, encoders resample.

    Args:
        path: file, folder or hub id, or a list of them whose rows are joined.
        audio: column of the recordings: bytes of an audio file, a ``{bytes, path}`` struct, or
            the path of a file; of several columns the first that a table has. In folders: files
            ending in wav, flac, ogg or mp3.
        label: column of the class; of several the first that a table has; of none all its rows are of one class.
        split: the classes of each split; default: fractions 0.6, 0.2, 0.2 under seed 0.
        class_groups: columns with one value per class (such as ``sex``), for ``within``.
        example_groups: columns of the examples' groups (such as ``utterance``), for ``apart``. A
            folder has the columns ``folder``, below the class folder, and ``split``, its own name.
        files: folder from which relative paths in cells start, itself relative to the table.
        on_error: ``raise``, or ``skip``: examples that cannot be used are left out, counted and named.
        out_of_scope: label of the examples that belong to no class, by which rejection is tested (``evaluate.unknown:
            {out_of_scope: 25}``); none: there are none such.
        max_seconds: of a recording; a longer one is refused before it is unpacked whole.

    Raises:
        DataError: data that cannot serve; the message names file and row, column or class.
    """
    return table_source(
        modality="audio",
        path=path,
        content="bytes",
        media=audio,
        label=label,
        split=split,
        decode=partial(decode, most=max_seconds),
        present=_present,
        suffixes=SUFFIXES,
        class_groups=class_groups or (),
        example_groups=example_groups or (),
        files=files,
        on_error=on_error,
        out_of_scope=out_of_scope,
    )


def _present(raw: Any) -> Presentation:
    return Presentation("audio/wav", encode_wav(raw))
