"""Which plugins are installed: a scan of entry points that no single distribution can stop.

pluggy's own ``load_setuptools_entrypoints`` is not used: in it one broken plugin ends every
command, and the second of two entry points of one name vanishes without a word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, distributions

from packaging.utils import canonicalize_name

from kshot.errors import listing, nearest
from kshot.registry.report import reason

GROUP = "kshot"
CHOOSE = "KSHOT_PLUGINS"
EXCLUDE = "KSHOT_DISABLE_PLUGINS"


@dataclass(frozen=True)
class Candidate:
    """An entry point, before anything of it is imported.

    Attributes:
        name: its name.
        module: what it points at.
        distribution: name of the distribution that declares it.
        version: version of that distribution.
        requirements: what the distribution requires, as its metadata says it.
        problem: why it cannot be loaded, where the scan saw that already.
        excluded: the environment variable that leaves it out.
    """

    name: str
    module: str
    distribution: str
    version: str
    requirements: tuple[str, ...] = ()
    problem: str = ""
    excluded: str = ""

    @property
    def provider(self) -> str:
        """Distribution and version."""
        return f"{self.distribution} {self.version}"


def discover() -> list[Candidate]:
    """Every entry point of the group, by name, each distribution once."""
    first: dict[str, str] = {}
    found: list[Candidate] = []
    for distribution in distributions():
        place = str(distribution.locate_file(""))
        for candidate in _declared(distribution, place):
            # A distribution can lie on the path twice; Python imports the first of them.
            if first.setdefault(canonicalize_name(candidate.distribution), place) == place:
                found.append(candidate)
    return sorted(set(found), key=lambda one: (one.name, one.distribution, one.version, one.module))


def _declared(distribution: Distribution, place: str) -> Iterator[Candidate]:
    """The candidates of one distribution; none where it cannot be read at all."""
    try:
        text = distribution.read_text("entry_points.txt") or ""
    except (OSError, ValueError):
        return
    if f"[{GROUP}]" not in text.replace(" ", ""):
        return
    name, version = f"a distribution in {place}", "of unknown version"
    try:
        name, version = _identity(distribution)
        requirements = tuple(distribution.requires or ())
        points = [point for point in distribution.entry_points if point.group == GROUP]
    except Exception as error:
        problem = f"its metadata cannot be read: {reason(error)}; reinstall it"
        yield Candidate("unknown", "", name, version, problem=problem)
        return
    for point in points:
        yield Candidate(point.name, point.value, name, version, requirements)


def _identity(distribution: Distribution) -> tuple[str, str]:
    metadata = distribution.metadata
    missing = [field for field in ("Name", "Version") if field not in metadata]
    if missing:
        raise ValueError(f"METADATA has no {missing[0]}")
    return metadata["Name"], metadata["Version"]


def choose(candidates: Iterable[Candidate], environment: Mapping[str, str]) -> list[Candidate]:
    """Mark those that the environment leaves out.

    ``KSHOT_PLUGINS`` lists the only plugins to load, ``KSHOT_DISABLE_PLUGINS`` those to leave
    out, by name of entry point or of distribution, with commas between.
    """
    only, without = _names(environment, CHOOSE), _names(environment, EXCLUDE) or set()
    return [replace(one, excluded=_excluded(_labels(one), only, without)) for one in candidates]


def unknown_choices(candidates: Iterable[Candidate], environment: Mapping[str, str]) -> list[str]:
    """One line for each name in the variables that no installed plugin has.

    It stops nothing: one setting may serve several environments, and a run that needs what is missing
    names it itself.
    """
    every = list(candidates)
    known = {label for one in every for label in _labels(one)}
    return [
        f"{variable}: {_unknown(name, every)}"
        for variable in (CHOOSE, EXCLUDE)
        for name in sorted((_names(environment, variable) or set()) - known)
    ]


def _names(environment: Mapping[str, str], variable: str) -> set[str] | None:
    """The names in a variable; None where it is not set, and an empty set where it is empty."""
    value = environment.get(variable)
    return None if value is None else {part.strip() for part in value.split(",") if part.strip()}


def _labels(candidate: Candidate) -> set[str]:
    return {candidate.name, candidate.distribution, canonicalize_name(candidate.distribution)}


def _excluded(labels: set[str], only: set[str] | None, without: set[str]) -> str:
    if labels & without:
        return EXCLUDE
    return CHOOSE if only is not None and not labels & only else ""


def _unknown(name: str, every: list[Candidate]) -> str:
    known = sorted({one.name for one in every})
    hint = nearest(name, sorted({label for one in every for label in _labels(one)}))
    return f"'{name}' is not an installed plugin{hint}; there are {listing(known)}"


def refuse_duplicates(candidates: Iterable[Candidate], core: str) -> list[Candidate]:
    """Mark every entry point whose name another one has too, or which takes the core's own."""
    every = list(candidates)
    counts = Counter(one.name for one in every if not one.excluded)
    return [_refused(one, every, core) if counts[one.name] > 1 or one.name == core else one for one in every]


def _refused(candidate: Candidate, every: list[Candidate], core: str) -> Candidate:
    if candidate.excluded or candidate.problem:
        return candidate
    if candidate.name == core:
        problem = (
            f"'{core}' is the core's own name; {candidate.distribution} must give its entry point another"
        )
    else:
        rivals = [one.provider for one in every if one.name == candidate.name and not one.excluded]
        problem = (
            f"{' and '.join(rivals)} both name an entry point '{candidate.name}'; uninstall one, "
            f"or leave it out by {EXCLUDE}=<its distribution>"
        )
    return replace(candidate, problem=problem)
