"""`groundcast evaluate COLLECTION --truth FILE`: how good answers are where it is known what is there.

A part of the command `evaluate`, which also measures checkpoints.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from search_ui.commands.context import CommandContext, print_json

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from shapely.geometry.base import BaseGeometry

    from ingest.catalog.catalog import Collection
    from ingest.geo.feature_file import Box
    from search_ui.search.engine import Engine
    from search_ui.truth.evaluation import TruthResult
    from search_ui.truth.objects import Objects
    from search_ui.truth.page import Backdrop


@dataclass(frozen=True)
class TruthQuestion:
    """What was asked on the command line; see the options of `evaluate`."""

    collection: str
    truth: Path | None
    area: "BaseGeometry | None"
    output: Path | None
    draws: int
    seed: int
    texts: tuple[str, ...]
    when: str | None
    where: tuple[str, ...]
    class_column: str | None
    negative: Path | None
    negative_class: str | None
    min_share: float | None
    fit: bool
    unfit: bool


def against_truth(ctx: CommandContext, asked: TruthQuestion, *, as_json: bool) -> None:
    """Measure, fit, or take fits away.

    Raises:
        UsageError: Options do not go together, or truth cannot be used.
    """
    collection = ctx.aliases.collection(asked.collection)  # a wrong name is told before the wait for the model
    if asked.unfit:
        _unfit(ctx, asked, collection, as_json=as_json)
        return
    from search_ui.search.engine import Engine
    from search_ui.truth.overlay import check_share
    from search_ui.truth.page import check_target

    if asked.output is not None:
        check_target(asked.output)
    check_share(asked.min_share)
    engine = Engine(ctx.settings, ctx.catalog)
    result = _evaluated(engine, asked, collection)
    if asked.fit:
        _keep(ctx, collection, result)
    if asked.output is not None:
        from search_ui.truth.page import write_page

        facts = engine.provenance(asked.collection).facts()
        write_page(asked.output, result, facts=facts, backdrop=_backdrop(ctx, collection))
    if as_json:
        print_json(result.as_dict() | ({} if asked.output is None else {"output": str(asked.output)}))
    else:
        from search_ui.truth.report import lines

        for line in lines(result):
            click.echo(line)
        if asked.output is not None:
            click.echo(f"wrote {asked.output}", err=True)
    if asked.fit and all(one.fitting is None for one in result.classes):
        click.get_current_context().exit(1)  # what was asked for was not done, and was said


def _evaluated(engine: "Engine", asked: TruthQuestion, collection: "Collection") -> "TruthResult":
    from search_ui.search.moments import parse_moment
    from search_ui.truth.evaluation import Plan, classes_of, evaluate_truth
    from trainer.errors import UsageError

    assert asked.truth is not None  # noqa: S101 - the command has looked
    if asked.negative_class is not None and asked.class_column is None:
        raise UsageError("--negative-class needs --class-column: the column that says what each object is")
    when = None if asked.when is None else parse_moment(asked.when)
    near = _bounds(engine, collection)
    objects, negative = _read(asked, near)
    texts, silent = classes_of(asked.texts, objects, asked.class_column, negative=negative is not None)
    if silent:
        click.echo(f"note: {silent}", err=True)
    plan = Plan(
        collection=asked.collection,
        texts=texts,
        truth=asked.truth.name,
        when=when,
        area=asked.area,
        share=asked.min_share,
        fit=asked.fit,
        draws=asked.draws,
        seed=asked.seed,
    )
    with engine.request():  # rows of all questions are of the same tiles, whatever is ingested meanwhile
        return evaluate_truth(engine, plan, objects, negative)


def _read(asked: TruthQuestion, near: "Box | None") -> "tuple[Objects, npt.NDArray[np.object_] | None]":
    """The objects, and the negative areas where there are any."""
    from dataclasses import replace

    import numpy as np

    from search_ui.truth.conditions import Condition
    from search_ui.truth.objects import read_objects
    from trainer.errors import UsageError

    assert asked.truth is not None  # noqa: S101 - the command has looked
    where = [Condition.parse(said) for said in asked.where]
    objects = read_objects(asked.truth, where=where, class_column=asked.class_column, near=near)
    negative = [] if asked.negative is None else [read_objects(asked.negative, near=near).shapes]
    if asked.negative_class is not None:
        assert objects.classes is not None  # noqa: S101 - there is a column
        rows = objects.classes == asked.negative_class
        if not rows.any():
            there = ", ".join(objects.counts()) or "none"
            raise UsageError(f"--negative-class {asked.negative_class!r}: there is no such class; there are: {there}")
        negative.append(objects.shapes[rows])
        objects = replace(objects, shapes=objects.shapes[~rows], classes=objects.classes[~rows])
    return objects, np.concatenate(negative) if negative else None


def _bounds(engine: "Engine", collection: "Collection") -> "Box | None":
    """The box of a collection's tiles with room for one more, degrees; None where it goes round the globe."""
    import numpy as np

    from ingest.geo.footprints import Places, Squares

    columns = engine.field(engine.tiles(collection.name))
    if not columns.n:
        return None
    size = np.full(columns.n, 2 * float(columns.size_m.max()))
    up, along = Squares.of(Places(columns.lat, columns.lon, size)).reach_deg()
    west, east = float((columns.lon - along).min()), float((columns.lon + along).max())
    if west < -180 or east > 180:
        return None
    return west, float((columns.lat - up).min()), east, float((columns.lat + up).max())


def _keep(ctx: CommandContext, collection: "Collection", result: "TruthResult") -> None:
    from search_ui.search.relevance.fitted import keep_fits

    made = {one.fitting.fit.text: one.fitting.fit for one in result.classes if one.fitting is not None}
    if made:
        keep_fits(ctx.catalog, collection, made)


def _unfit(ctx: CommandContext, asked: TruthQuestion, collection: "Collection", *, as_json: bool) -> None:
    from search_ui.search.relevance.fitted import drop_fits

    gone = drop_fits(ctx.catalog, collection, [text.strip() for text in asked.texts])
    if as_json:
        print_json({"collection": asked.collection, "unfitted": gone})
    else:
        click.echo(f"relevance is as it was for: {', '.join(gone)}")


def _backdrop(ctx: CommandContext, collection: "Collection") -> "Backdrop":
    """Gives the imagery under a map; None where it cannot be read any more, which costs no numbers."""
    from trainer.errors import GroundcastError

    def on(canvas: Any, tiles: Any) -> Any:
        from search_ui.service.imagery import Imagery

        imagery = Imagery(ctx.settings, ctx.catalog)
        try:
            return imagery.on(collection, canvas, tiles)
        except GroundcastError as error:
            click.echo(f"the maps have no imagery below: {error}", err=True)
            return None
        finally:
            imagery.close()

    return on
