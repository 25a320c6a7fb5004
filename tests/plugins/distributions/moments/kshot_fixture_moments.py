"""A toy benchmark that can be caught at a moment, so that a test can kill it there.

A moment is an event of the process: a file below the folder that is looked at opened, renamed or removed,
a pass through the encoder, a hook. Each has a number, counted from the process's start, and a label. At the
first whose number is ``MOMENT_AFTER`` at least and whose label matches ``MOMENT_LIKE`` the process says
so on its standard output. Then it stands still, or where ``MOMENT_DELAY`` is set it goes on and is killed
so many seconds later, wherever it is by then.
"""

import os
import re
import signal
import sys
import threading
import time
from types import SimpleNamespace

from kshot import EncoderSpec, SourceSpec, hookimpl

KSHOT_API = 1
FOLDER = os.environ.get("MOMENT_FOLDER")

_RANDOM = re.compile(r"\.[a-z0-9_]{8}\.part$")
_now = SimpleNamespace(
    after=int(os.environ.get("MOMENT_AFTER", "0")),
    like=re.compile(os.environ.get("MOMENT_LIKE", "$never")),
    delay=os.environ.get("MOMENT_DELAY"),
    seen=0,
    met=False,
    cell="",
    since=None,
)
"""In one object, since the plain globals that an encoder names are part of its code's hash. ``since``: passes in
training since the running cell's last checkpoint; none before its first."""


def happen(label):
    """Count an event, and act if it is the moment."""
    _now.seen += 1
    if os.environ.get("MOMENT_LOG"):
        print(f"event {_now.seen} {label}", flush=True)
    if _now.seen < _now.after or _now.met or not _now.like.search(label):
        return
    _now.met = True
    print(f"moment {_now.seen} {label}", flush=True)
    if _now.delay:
        threading.Timer(float(_now.delay), os.kill, (os.getpid(), signal.SIGKILL)).start()
    else:
        time.sleep(600)


def forward(training):
    """A pass through the encoder begins."""
    if not training:
        happen(f"pass in evaluation of {_now.cell}")
    elif _now.since is None:
        happen(f"pass in training of {_now.cell}")
    else:
        _now.since += 1
        happen(f"pass in training of {_now.cell}, {_now.since} after a checkpoint")


def _audited(event, arguments):
    if event not in ("open", "os.rename", "os.remove") or not isinstance(arguments[0], str):
        return
    path = arguments[1] if event == "os.rename" else arguments[0]
    if path.startswith(FOLDER):
        happen(f"{event} {_RANDOM.sub('.part', os.path.relpath(path, FOLDER))}")
        if event == "os.rename" and path.endswith("checkpoint.safetensors"):
            _now.since = 0


if FOLDER:
    sys.addaudithook(_audited)


@hookimpl
def kshot_encoders():
    factory = "kshot_fixture_moments_encoder:Watched"
    return [EncoderSpec("watched", "a perceptron that tells of every pass", factory, modality="toy")]


@hookimpl
def kshot_sources():
    return [SourceSpec("toy", "separable vectors", "kshot.testing.toy:Toy", modality="toy")]


@hookimpl
def kshot_run_started(name):
    happen("run started")


@hookimpl
def kshot_cell_started(cell, stage):
    if cell != _now.cell:
        _now.cell, _now.since = cell, None
    happen(f"{stage} of {cell}")


@hookimpl
def kshot_validated(cell):
    happen(f"validated {cell}")


@hookimpl
def kshot_evaluated(cell):
    happen(f"evaluated {cell}")


@hookimpl
def kshot_cell_finished(cell):
    happen(f"finished {cell}")


@hookimpl
def kshot_run_finished(name):
    happen("run finished")
