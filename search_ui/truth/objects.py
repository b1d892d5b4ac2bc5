"""Truth as a file: the polygons and points of what is there, of one class or of several.

The box of the whole file, whatever its rows say, is where truth is known: what lies outside of it was never looked at.
It does not know tiles or scores.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.geo.feature_file import Box, FeatureSet, read_features
from search_ui.truth.conditions import Condition, text_of
from trainer.errors import UsageError

_NAMED = 20  # classes in a message


@dataclass(frozen=True)
class Objects:
    """n objects of a file of truth.

    Attributes:
        shapes: Polygons or points in WGS84 degrees, [n].
        classes: The class of each, [n]; None for all where the file is of one class.
        extent: Where truth is known, WGS84 degrees, split at ±180°.
        notes: What was passed over or mended, in sentences.
    """

    shapes: npt.NDArray[np.object_]
    classes: npt.NDArray[np.object_] | None
    extent: BaseGeometry | None
    notes: tuple[str, ...]

    def of_class(self, name: str | None) -> npt.NDArray[np.object_]:
        """The shapes of a class; None: all of them."""
        return self.shapes if name is None or self.classes is None else self.shapes[self.classes == name]

    def counts(self) -> dict[str, int]:
        """How many objects each class has, the most first; those without a class are left out."""
        if self.classes is None:
            return {}
        return dict(Counter(name for name in self.classes.tolist() if name is not None).most_common())


def read_objects(
    path: Path,
    *,
    where: Sequence[Condition] = (),
    class_column: str | None = None,
    near: Box | None = None,
) -> Objects:
    """Read the objects of a file.

    Args:
        path: The file, as `ingest.geo.feature_file` reads it.
        where: Conditions that a row must fulfil, all of them.
        class_column: The column that says what each object is; None: all are of one class.
        near: West, south, east, north in degrees: rows elsewhere may be left out.

    Raises:
        AreaError: The file cannot be read, or lacks a column.
        UsageError: No row is left.
    """
    wanted = [condition.column for condition in where] + ([class_column] if class_column else [])
    read = read_features(path, wanted, near=near)
    notes = list(read.notes)
    chosen = np.ones(len(read.shapes), np.bool_)
    for condition in where:
        chosen &= condition.holds(read.columns[condition.column])
    if where and not chosen.all():
        notes.append(f"{int((~chosen).sum()):,} rows passed over: not what --where says")
    classes = None
    if class_column is not None:
        classes = np.array([*(text_of(value) for value in read.columns[class_column]), None], np.object_)[:-1][chosen]
        without = int(sum(name is None for name in classes))
        if without:
            notes.append(f"{without:,} objects have no {class_column}: they are of no class")
    _check_some(path, read, chosen, where, near)
    shapes = read.shapes[chosen]
    once = _first_of_each(shapes, classes)
    if len(once) < len(shapes):
        notes.append(f"{len(shapes) - len(once):,} objects are there a second time, outline for outline: counted once")
        shapes, classes = shapes[once], None if classes is None else classes[once]
    return Objects(shapes, classes, read.extent, tuple(notes))


def _first_of_each(shapes: npt.NDArray[np.object_], classes: npt.NDArray[np.object_] | None) -> npt.NDArray[np.intp]:
    """The rows of objects that no earlier row says just as well, ascending."""
    outlines = shapely.to_wkb(shapely.normalize(shapes)).tolist()
    names = [None] * len(shapes) if classes is None else classes.tolist()
    # 64 bits tell millions apart, in a tenth of the memory that the outlines take
    marks = np.array([hash(pair) for pair in zip(outlines, names, strict=True)], np.int64)
    return np.sort(np.unique(marks, return_index=True)[1])


def _check_some(
    path: Path, read: FeatureSet, chosen: npt.NDArray[np.bool_], where: Sequence[Condition], near: Box | None
) -> None:
    if chosen.any():
        return
    if len(read.shapes):
        said = " and ".join(
            condition.column + (f"={','.join(sorted(condition.values))}" if condition.values else "")
            for condition in where
        )
        column = where[0].column
        there = Counter(text_of(value) for value in read.columns[column]).most_common(_NAMED)
        have = ", ".join(f"{name} ({count:,})" for name, count in there)
        raise UsageError(f"'{path}': none of its {len(read.shapes):,} rows says {said}; {column} is: {have}")
    passed = "; ".join(f"{count:,} {why}" for why, count in read.passed_over.items())
    if passed:
        raise UsageError(f"'{path}' holds no polygon and no point ({passed}): give what is there as either")
    if read.extent is not None and near is not None:
        west, south, east, north = read.extent.bounds
        raise UsageError(
            f"'{path}' holds nothing near the collection: it lies within {west:.4f}, {south:.4f}, {east:.4f}, "
            f"{north:.4f}, the collection within {', '.join(f'{side:.4f}' for side in near)} (west, south, east, "
            "north, degrees): is it of another place, or are latitude and longitude swapped?"
        )
    raise UsageError(f"'{path}' holds no row: give at least one polygon or point")
