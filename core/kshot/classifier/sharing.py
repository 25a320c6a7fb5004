"""A classifier on the hub: one file and its card, sent and fetched by huggingface_hub."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kshot.errors import KshotError

FILE = "classifier.safetensors"
"""Name of the classifier's file in a repository."""

_CARD = "README.md"
_INSTALL = 'the hub needs huggingface_hub: pip install "kshot[hub]"'


def upload(
    repo: str,
    write: Callable[[Path], None],
    card: str,
    *,
    revision: str | None,
    token: str | None,
    private: bool | None,
    message: str,
) -> str:
    """Make the repository where there is none, and add the classifier and its card in one commit.

    Args:
        repo: ``OWNER/NAME``.
        write: writes the classifier to a path.
        card: the text of its card.
        revision: branch; default: the main one.
        token: that may write; default: the one that was logged in with.
        private: True for a repository that only its owner sees, where it is new.
        message: of the commit.

    Returns:
        Its address.

    Raises:
        KshotError: huggingface_hub is not installed, the hub cannot be reached, or refuses.
    """
    hub = _library()
    with tempfile.TemporaryDirectory(prefix="kshot-") as folder:
        path = Path(folder) / FILE
        write(path)
        try:
            api = hub.HfApi(token=token, library_name="kshot")
            api.create_repo(repo, private=private, exist_ok=True)
            files = [
                hub.CommitOperationAdd(path_in_repo=FILE, path_or_fileobj=path),
                hub.CommitOperationAdd(path_in_repo=_CARD, path_or_fileobj=card.encode()),
            ]
            commit = api.create_commit(repo, files, commit_message=message, revision=revision)
        except Exception as error:  # the hub's library raises of many families
            raise _told(repo, revision, error) from error
    return str(commit.commit_url)


def download(repo: str, *, revision: str | None, token: str | None) -> Path:
    """The classifier's file, from the hub or its cache; nothing else of the repository is fetched.

    Raises:
        KshotError: huggingface_hub is not installed, the hub cannot be reached, or has no such file.
    """
    hub = _library()
    try:
        api = hub.HfApi(token=token, library_name="kshot")
        return Path(api.hf_hub_download(repo, FILE, revision=revision))
    except Exception as error:  # the hub's library raises of many families
        raise _told(repo, revision, error) from error


def _library() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise KshotError(_INSTALL) from error
    return huggingface_hub


def _told(repo: str, revision: str | None, error: Exception) -> KshotError:
    """What went wrong, and the mend."""
    from huggingface_hub import errors

    # Of a large file the library says that it was not sent, and below that alone, why.
    if type(error) is RuntimeError and isinstance(error.__cause__, Exception):
        error = error.__cause__
    status = getattr(getattr(error, "response", None), "status_code", None)
    unauthorised = isinstance(error, errors.LocalTokenNotFoundError) or status == 401
    if isinstance(error, errors.HFValidationError):
        reason = "no name of a repository; write OWNER/NAME"
    elif isinstance(error, errors.RevisionNotFoundError):
        reason = f"the repository has no revision '{revision}'"
    elif isinstance(error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled) or _unreachable(
        error
    ):
        reason = "the hub cannot be reached, and nothing of it is in the cache; go online once"
    elif isinstance(error, errors.EntryNotFoundError):
        reason = f"the repository holds no classifier: {FILE} is missing there"
    elif unauthorised:
        reason = (
            "there is no such repository, or it wants a token: log in by `hf auth login`, set HF_TOKEN, "
            "or give token="
        )
    elif status == 403:
        said = getattr(error, "server_message", None) or "no reason given"
        reason = f"the hub refuses ({said}): the token must be one that may write, and room be left"
    elif isinstance(error, errors.RepositoryNotFoundError):
        reason = "there is no such repository, or the token may not see it"
    else:
        lines = str(error).strip().splitlines()
        reason = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return KshotError(f"{repo}: {reason}")


def _unreachable(error: Exception) -> bool:
    """True where no answer came: an error of the library that sends requests, which has no answer to show."""
    return type(error).__module__.partition(".")[0].startswith("httpx") or isinstance(error, ConnectionError)
