"""``kshot fit``, ``predict``, ``enroll``, ``forget`` and ``inspect``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kshot.cli.paths import path

if TYPE_CHECKING:
    from kshot.classifier import FewShotClassifier
    from kshot.cli.product.items import Item

Model = Annotated[
    Path,
    typer.Argument(parser=path, metavar="MODEL", help="A file that `kshot fit` wrote.", show_default=False),
]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to compute.")]


def fit(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A folder with one sub-folder per class, or a table with a column of labels.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(parser=path, help="The file to write.", show_default=False)],
    encoder: Annotated[
        str | None,
        typer.Option(
            help="An encoder with weights, such as minilm; left out, it is the learner's own.",
            show_default=False,
        ),
    ] = None,
    learner: Annotated[
        str,
        typer.Option(
            help="How classes are told apart: a name, or what kshot bench trained, as RUN/cells/ID."
        ),
    ] = "prototypical",
    unknown: Annotated[
        float | None,
        typer.Option(
            help="Share of known examples that may be refused; without it, and without negatives, nothing is "
            "unknown."
        ),
    ] = None,
    negatives: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER_OR_CSV",
            help="Things of no class, by which the threshold of unknown is set: a folder of files, or a table like "
            "DATA, of which labels are not read.",
            show_default=False,
        ),
    ] = None,
    settings: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Option of encoder, learner or data, such as learner.scale=10 or data.text=sentence.",
        ),
    ] = [],  # noqa: B006 (typer reads the default, nobody changes it)
    draws: Annotated[int, typer.Option(min=0, help="Random splits of the learning curve; 0: no curve.")] = 50,
    device: Device = "auto",
) -> None:
    """Make a classifier of your own classes, and say how well it will do with how many examples."""
    from kshot.classifier import FewShotClassifier
    from kshot.classifier.doubts import tell_copies
    from kshot.cli.product.examples import examples_of, strangers_of
    from kshot.cli.telling import progress_told
    from kshot.errors import UnusableError

    options = _options(settings)
    named: dict[str, Any] = {
        "encoder": encoder,
        "learner": learner,
        "encoder_options": options["encoder"] or None,
        "learner_options": options["learner"] or None,
    }
    classifier = FewShotClassifier(**named, unknown=unknown, device=device)
    use = _encoder(named)
    examples = examples_of(use, data, options["data"])
    strangers = strangers_of(use, negatives, options["data"]) if negatives else None
    try:
        with progress_told():
            tell_copies("fit", examples.digests, examples.labels, examples.places)
            classifier.fit(
                examples.things, examples.labels, negatives=strangers.things if strangers else None
            )
    except UnusableError as error:
        places = strangers.places if strangers and "negatives" in error.who else examples.places
        raise UnusableError(error.who, error.reasons, places) from error
    classifier.save(out)
    counts = classifier.counts_
    fewest, most = min(counts.values()), max(counts.values())
    each = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    typer.echo(f"{len(examples.labels)} examples of {len(counts)} classes, {each} of each")
    _print_curve(classifier, draws)
    typer.echo(f"probabilities: {_calibrated(classifier)}")
    typer.echo(f"unknown: {_rejecting(classifier)}")
    typer.echo(f"classifier: {out}")


def predict(
    model: Model,
    given: Annotated[
        list[str],
        typer.Argument(metavar="FILES_OR_TEXT", help="Files, folders, patterns or texts; - reads lines."),
    ],
    top: Annotated[int, typer.Option(min=1, help="Classes to name for each.")] = 1,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    csv_: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    device: Device = "auto",
) -> None:
    """Say of which class things are; 1 is the exit code where some could not be used."""
    from kshot.cli.product.answers import answered, print_csv, print_json, print_plain, tell_unusable
    from kshot.errors import KshotError

    if json_ and csv_:
        raise KshotError("--json and --csv exclude each other; choose one")
    classifier = _load(model, device)
    items = _items(given, classifier)
    said = answered(classifier, [item.thing for item in items], top)
    answers = list(zip(items, said, strict=True))
    (print_json if json_ else print_csv if csv_ else print_plain)(answers)
    if tell_unusable(answers):
        raise typer.Exit(1)


def enroll(
    model: Model,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The class, new or known.")],
    given: Annotated[list[str], typer.Argument(metavar="FILES_OR_TEXT", help="Its examples.")],
    device: Device = "auto",
) -> None:
    """Add a class to a classifier, or examples to one of its classes."""
    from kshot.cli.telling import progress_told
    from kshot.errors import UnusableError

    classifier = _load(model, device)
    items = _items(given, classifier)
    try:
        with progress_told():
            classifier.add_class(name, [item.thing for item in items])
    except UnusableError as error:
        raise UnusableError("enroll", error.reasons, [item.called for item in items]) from error
    classifier.save(model)
    typer.echo(f"{name}: {classifier.counts_[name]} examples; {len(classifier.counts_)} classes in {model}")


def forget(
    model: Model,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The class.")],
    device: Device = "auto",
) -> None:
    """Remove a class from a classifier."""
    from kshot.cli.telling import progress_told

    classifier = _load(model, device)
    with progress_told():
        classifier.remove_class(name)
    classifier.save(model)
    typer.echo(f"{name}: forgotten; {len(classifier.counts_)} classes in {model}")


def inspect(model: Model, device: Device = "auto") -> None:
    """Say what a classifier holds."""
    from kshot.cli.tables import print_table
    from kshot.results.text import printable

    classifier = _load(model, device)
    recipe = classifier.recipe_
    for title, value in (
        ("encoder", _written(recipe.encoder.use, recipe.encoder.options)),
        ("learner", _written(recipe.learner.use, recipe.learner.options)),
        ("trained by", f"cell {recipe.cell}" if recipe.cell else "its own examples alone"),
        ("modality", classifier.modality_),
        ("probabilities", _calibrated(classifier)),
        ("temperature", f"{classifier.temperature_:.4g}"),
        ("unknown", _rejecting(classifier)),
    ):
        typer.echo(f"{title}: {printable(value)}")
    rows = [[printable(name), str(count)] for name, count in classifier.counts_.items()]
    print_table("classes", ["class", "examples"], rows)


def _load(model: Path, device: str) -> FewShotClassifier:
    from kshot.classifier import FewShotClassifier

    return FewShotClassifier.load(model, device)


def _items(given: list[str], classifier: FewShotClassifier) -> Sequence[Item]:
    from kshot.cli.product.items import items

    return items(given, classifier.modality_, classifier.reader_)


def _options(settings: list[str]) -> dict[str, dict[str, Any]]:
    """``learner.scale=10`` … → the options of encoder, learner and data."""
    from kshot.config import override
    from kshot.errors import KshotError

    found: dict[str, dict[str, Any]] = {"encoder": {}, "learner": {}, "data": {}}
    for setting in settings:
        part, _, rest = setting.partition(".")
        if part not in found or not rest:
            raise KshotError(f"--set {setting}: write encoder.KEY=VALUE, learner.KEY=VALUE or data.KEY=VALUE")
        if problem := override(found[part], rest):
            raise KshotError(f"--set {setting}: {problem}")
    return found


def _encoder(named: dict[str, Any]) -> str:
    """The encoder that a classifier will have, as a configuration writes it.

    Raises:
        KshotError: none is named.
    """
    from kshot.classifier.origin import origin_of
    from kshot.errors import KshotError
    from kshot.registry import load_registry

    origin = origin_of(load_registry(), **named)
    if origin.cell is None and named["encoder"] is None:
        raise KshotError("--encoder is missing; `kshot list encoders` names those that are there")
    return origin.recipe.encoder.use


def _calibrated(classifier: FewShotClassifier) -> str:
    """How far its probabilities can be taken at their word."""
    from kshot.results.text import percent

    one = classifier.calibration_
    if one.ece_before is None or one.ece_after is None:
        return "not calibrated: no class has a second, different example, which could be held out"
    return (
        f"of 100 answers given with 80 % certainty 80 should be right; on {one.examples} examples held out, certainty "
        f"and share of right answers differed by {percent(one.ece_after)} points on average "
        f"({percent(one.ece_before)} before calibration)"
    )


def _rejecting(classifier: FewShotClassifier) -> str:
    """Below what an example is unknown, and what that does."""
    from kshot.results.text import percent

    one = classifier.rejection_
    if one is None:
        return "nothing is"
    said = (
        f"below familiarity {one.familiarity:.3f}; refuses {percent(one.refused)} % of {one.known} known examples, "
        "each left out in turn"
    )
    if one.accepted is None or one.auroc is None:
        return said
    told = f"accepts {percent(one.accepted)} % of {one.negatives} negatives (AUROC {percent(one.auroc)} %)"
    return f"{said}; {told}"


def _print_curve(classifier: FewShotClassifier, draws: int) -> None:
    from kshot.errors import listing
    from kshot.results.text import percent, printable

    if not draws:
        return
    curve = classifier.learning_curve(draws)
    if not curve:
        single = listing([printable(name) for name, count in classifier.different_.items() if count == 1])
        typer.echo(f"no learning curve: one example alone, so that none can be held out, of {single}")
        return
    typer.echo("examples of each class → accuracy in % on others, held out: mean (95 % interval)")
    for point in curve:
        low, high = map(percent, point.ends)
        typer.echo(f"  {point.shot:>4}  {percent(point.accuracy.mean)} ({low} to {high})")
    if len(curve) > 1:
        gained = 100 * (curve[-1].accuracy.mean - curve[-2].accuracy.mean)
        more = curve[-1].shot - curve[-2].shot
        typer.echo(f"the last {more} of {curve[-1].shot} examples brought {gained:+.1f} points")
    sizes = classifier.different_.values()
    if min(sizes) < max(sizes):
        typer.echo(
            "classes differ in size, and here each gives as many examples as the smallest can spare: by all of its "
            "examples the classifier may do better or worse"
        )


def _written(name: str, options: Any) -> str:
    listed = ", ".join(f"{key}={value}" for key, value in (options or {}).items())
    return f"{name} ({listed})" if listed else name
