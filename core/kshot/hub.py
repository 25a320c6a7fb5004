"""Pretrained models by hub id or local folder: found, checked, and loaded without surprises.

The library that builds a model (transformers) is the plugins' own; this module knows files.
"""

from __future__ import annotations

import hashlib
import logging
import re
import sys
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kshot.errors import KshotError, listing, nearest

log = logging.getLogger("kshot")

_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_SETTINGS = ("*.json", "*.txt", "*.model", "README.md")
_SAFE, _PICKLED, _CODE = ("*.safetensors",), ("*.bin",), ("*.py",)
_LICENCE = re.compile(r"""\A---\n(?:(?!---$).*\n)*?license:\s*["']?([^\s"']+)""", re.MULTILINE)
_WEIGHT_INDEX = ".index.json"


@dataclass(frozen=True)
class ModelFiles:
    """A model's folder on this machine, with the user's consent to what it may do.

    Attributes:
        who: the encoder, for messages.
        folder: holds ``config.json`` and the weights.
        trust_remote_code: True where Python code in the folder may run.
        use_safetensors: False where weights in pickle files may be read too.
    """

    who: str
    folder: Path
    trust_remote_code: bool = False
    use_safetensors: bool = True

    def load_model(self, auto: Any) -> tuple[Any, Collection[str]]:
        """A network with its weights, in float32, and the names of those that the folder lacks; as :meth:`load`.

        Args:
            auto: a class of transformers, such as ``AutoModel``.
        """
        safe = True if self.use_safetensors else None
        network, report = self.load(auto, use_safetensors=safe, dtype="float32", output_loading_info=True)
        for one in (*network.parameters(), *network.buffers()):
            # Memory of its own, as tensorfiles.read_tensors has it: a copy then computes the same last bits.
            one.data = one.data.clone()
        return network, report["missing_keys"]

    def load(self, auto: Any, **options: Any) -> Any:
        """``auto.from_pretrained`` on the folder: no network, no progress bar, no log lines.

        Args:
            auto: a class of transformers, such as ``AutoTokenizer`` or ``AutoConfig``.
            options: passed on.

        Raises:
            KshotError: the folder does not hold what the class needs, or would run code of its
                own without consent.
        """
        with _quiet(auto):
            try:
                return auto.from_pretrained(
                    str(self.folder),
                    local_files_only=True,
                    trust_remote_code=self.trust_remote_code,
                    **options,
                )
            except Exception as error:  # what the library and the model's own code raise on a bad folder
                lines = str(error).strip().splitlines()
                reason = lines[0] if lines else type(error).__name__
                if "trust_remote_code" in str(error):
                    reason = "it brings Python code of its own; read it, then set trust_remote_code: true"
                kind = getattr(auto, "__name__", str(auto))
                raise KshotError(f"{self.who}: {self.folder} cannot be loaded as {kind}: {reason}") from error

    def settings_hash(self) -> bytes:
        """SHA-256 of every file that is not weights: configuration, tokenizer, preprocessing, code.

        What an embedding depends on beside the weights and is in no ``state_dict``.
        """
        digest = hashlib.sha256()
        for path in sorted(self.folder.rglob("*")):
            inside = path.relative_to(self.folder).as_posix()
            if _is_setting(path, inside):
                content = path.read_bytes()
                digest.update(f"{inside}\0{len(content)}\0".encode())
                digest.update(content)
        return digest.digest()

    def licence(self) -> str:
        """What the model's card says; empty where it says nothing."""
        card = self.folder / "README.md"
        match = (
            _LICENCE.search(card.read_text(encoding="utf-8", errors="replace")) if card.is_file() else None
        )
        return match[1] if match else ""


def model_files(
    model: str,
    who: str,
    *,
    revision: str | None = None,
    trust_remote_code: bool = False,
    use_safetensors: bool = True,
) -> ModelFiles:
    """Find a model in a local folder, in the hub's cache, or on the hub.

    Args:
        model: a folder, else a hub id such as ``bert-base-uncased``.
        who: the encoder, for messages.
        revision: branch, tag or commit on the hub; default: its main branch.
        trust_remote_code: let Python code that comes with the model run; a warning names it.
        use_safetensors: False to take weights in pickle files where there are no others.

    Raises:
        KshotError: no such folder, a file missing in it, or no network; names what is missing.
    """
    local = Path(model).expanduser()
    if local.is_dir():
        if revision is not None:
            raise KshotError(
                f"{who}: revision '{revision}' is of the hub, but {model} is a folder here; leave it out"
            )
        folder = local
    elif _ID.fullmatch(model) and local.suffix != ".safetensors":
        folder = _from_hub(model, who, revision, trust_remote_code, use_safetensors)
    else:
        beside = [one.name for one in local.parent.iterdir() if one.is_dir()] if local.parent.is_dir() else []
        raise KshotError(f"{who}: no such folder: {model}{nearest(local.name, beside)}")
    _require(folder, who, use_safetensors)
    if trust_remote_code:
        code = listing(sorted(path.name for path in folder.glob("*.py")), 4)
        log.warning("%s: trust_remote_code is set: Python code of %s may run (%s)", who, model, code)
    return ModelFiles(who, folder, trust_remote_code, use_safetensors)


def _from_hub(model: str, who: str, revision: str | None, code: bool, safe: bool) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise KshotError(
            f'{who}: {model} is no folder here, and the hub needs huggingface_hub: pip install "kshot[hub]"'
        ) from error
    wanted = [*_SETTINGS, *_SAFE, *(() if safe else _PICKLED), *(_CODE if code else ())]
    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=wanted))
    except Exception as error:  # the hub's library raises of many families
        lines = str(error).strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
        at = f" at revision {revision}" if revision else ""
        raise KshotError(
            f"{who}: {model}{at} is no folder here, not in the hub's cache, and cannot be had from the hub "
            f"({reason}); name a folder with config.json and model.safetensors, or go online once"
        ) from error


def _require(folder: Path, who: str, use_safetensors: bool) -> None:
    if not (folder / "config.json").is_file():
        raise KshotError(
            f"{who}: {folder / 'config.json'} is missing; name the folder that save_pretrained wrote"
        )
    kinds = _SAFE if use_safetensors else (*_SAFE, *_PICKLED)
    if any(next(folder.glob(kind), None) for kind in kinds):
        return
    pickled = [path.name for kind in _PICKLED for path in folder.glob(kind)]
    mend = (
        f"it holds {listing(sorted(pickled), 3)}, which only use_safetensors: false reads"
        if pickled
        else "save the model there by save_pretrained"
    )
    raise KshotError(f"{who}: {folder / 'model.safetensors'} is missing; {mend}")


def _is_setting(path: Path, inside: str) -> bool:
    if (
        not path.is_file()
        or inside.startswith(".")
        or inside == "README.md"
        or inside.endswith(_WEIGHT_INDEX)
    ):
        return False
    return path.suffix in (".json", ".txt", ".model", ".py")


@contextmanager
def _quiet(auto: Any) -> Generator[None]:
    """The library of a class without its bars and reports (of weights that a task leaves unused)."""
    library = sys.modules[auto.__module__.partition(".")[0]]
    logging_of: Any = getattr(library, "logging", None)
    if logging_of is None or not hasattr(logging_of, "set_verbosity_error"):
        yield
        return
    verbosity, bars = logging_of.get_verbosity(), logging_of.is_progress_bar_enabled()
    logging_of.set_verbosity_error()
    logging_of.disable_progress_bar()
    try:
        yield
    finally:
        logging_of.set_verbosity(verbosity)
        if bars:
            logging_of.enable_progress_bar()
