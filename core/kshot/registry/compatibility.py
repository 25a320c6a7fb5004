"""Whether a plugin and this core fit: its declared requirement, and its hook interface.

pluggy negotiates no versions, so this is all that stands between a plugin written for another
core and an error deep inside a run.
"""

from __future__ import annotations

from types import ModuleType
from typing import cast

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

import kshot
from kshot.registry.discovery import Candidate
from kshot.registry.report import RefusalError
from kshot.specs import KSHOT_API

OLDEST_API = 1
"""The oldest hook interface that this core still speaks."""


def check_requirement(candidate: Candidate) -> None:
    """Compare what the distribution requires of the core with the core that runs.

    Raises:
        RefusalError: this core is older or newer than the plugin allows.
    """
    for text in candidate.requirements:
        if not text.lower().startswith("kshot"):
            continue
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise RefusalError(f"its requirement '{text}' cannot be read") from error
        if _applies(requirement) and not requirement.specifier.contains(kshot.__version__, prereleases=True):
            raise RefusalError(
                f"it needs kshot{requirement.specifier}, and this is kshot {kshot.__version__}; "
                f"install versions that fit: pip install --upgrade kshot {candidate.distribution}"
            )


def _applies(requirement: Requirement) -> bool:
    if canonicalize_name(requirement.name) != "kshot":
        return False
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def api_of(module: ModuleType) -> int:
    """The hook interface that a plugin's module was written for.

    Raises:
        RefusalError: it states none, or one that this core does not speak.
    """
    where, api = module.__name__, cast("object", vars(module).get("KSHOT_API"))
    if api is None:
        raise RefusalError(
            f"{where} does not say which hooks it was written for: add KSHOT_API = {KSHOT_API}"
        )
    if not isinstance(api, int) or isinstance(api, bool):
        raise RefusalError(f"KSHOT_API of {where} is {api!r}: it must be a whole number such as {KSHOT_API}")
    if api > KSHOT_API:
        raise RefusalError(
            f"it was written for hook interface {api}, and kshot {kshot.__version__} speaks {KSHOT_API}; "
            "upgrade the core: pip install --upgrade kshot"
        )
    if api < OLDEST_API:
        raise RefusalError(
            f"it was written for hook interface {api}, and kshot {kshot.__version__} speaks {OLDEST_API} "
            f"to {KSHOT_API}; upgrade the plugin"
        )
    return api
