"""Points cut into requests, once it is sure that every one of them can be found again.

It does not know any engine.
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.index.protocol import BATCH, ID_FIELDS, LOCATION, Payload, Points
from trainer.errors import VectorIndexError

REQUEST_BYTES = 16 * 2**20  # of JSON in one request: a server takes 32 MiB, a proxy before it often less
_NUMBER_B = 24  # of a float32 in JSON, at most, with its comma
_AROUND_B = 100  # an id, and what stands around the rest of a point
_POLE = 90 - 1e-9  # a tenth of a millimetre from the pole, which the engine's geohashes leave out


def batches(points: Points, *, name: str, dim: int) -> Iterator[Points]:
    """Checks points and cuts them into requests of at most `BATCH`, and of at most `REQUEST_BYTES`.

    Vectors come out as float32, payloads without missing values, and a location on a pole a tenth of a millimetre off.

    Raises:
        VectorIndexError: Lengths or dimensions do not fit, a vector is zero or not finite, a location is off the globe;
            nothing of these points has been written then.
    """
    if not len(points.ids) == len(points.vectors) == len(points.payloads):
        sizes = f"{len(points.ids)} ids, {len(points.vectors)} vectors, {len(points.payloads)} payloads"
        raise VectorIndexError(f"index {name!r}: {sizes}; give one of each for every item")
    if not points.ids:
        return
    if points.vectors.shape[1:] != (dim,):
        raise VectorIndexError(
            f"index {name!r} holds vectors of {dim} values, these have {points.vectors.shape[1:]}: "
            "they come from another model; ingest them into a collection of that model"
        )
    payloads = [_stored(name, *item) for item in zip(points.ids, points.payloads, strict=True)]
    for start in range(0, len(points.ids), BATCH):
        _check_vectors(name, points.ids[start : start + BATCH], points.vectors[start : start + BATCH])
    for start, stop in list(_requests(name, points.ids, payloads, dim)):
        yield Points(points.ids[start:stop], points.vectors[start:stop].astype(np.float32), payloads[start:stop])


def _requests(name: str, ids: list[str], payloads: list[Payload], dim: int) -> Iterator[tuple[int, int]]:
    """Where requests begin and end: each as many points as its bounds allow."""
    start = spent = 0
    for row, payload in enumerate(payloads):
        size = len(json.dumps(payload, default=str)) + dim * _NUMBER_B + _AROUND_B
        if size > REQUEST_BYTES:
            raise VectorIndexError(
                f"index {name!r}: item {ids[row]!r} has {size:,} bytes and a request at most {REQUEST_BYTES:,}: "
                "shorten its columns; nothing was written"
            )
        if row > start and (row - start == BATCH or spent + size > REQUEST_BYTES):
            yield start, row
            start, spent = row, 0
        spent += size
    yield start, len(payloads)


def _stored(name: str, item: str, payload: dict[str, Any]) -> dict[str, Any]:
    stored = {key: value for key, value in payload.items() if value is not None}
    place = stored.get(LOCATION)
    if place is not None:
        lat, lon = place["lat"], place["lon"]
        if not (-90 <= lat <= 90 and -180 <= lon <= 180):
            raise VectorIndexError(
                f"index {name!r}: item {item!r} lies at lat {lat}, lon {lon}, which is not on the globe: "
                "latitudes are −90..90 and longitudes −180..180; nothing was written"
            )
        stored[LOCATION] = {"lon": lon, "lat": min(max(lat, -_POLE), _POLE)}
    if item not in (stored.get(field) for field in ID_FIELDS):
        raise VectorIndexError(
            f"index {name!r}: the payload of item {item!r} names another item or none; "
            f"put its id under {' or '.join(map(repr, ID_FIELDS))}; nothing was written"
        )
    return stored


def _check_vectors(name: str, ids: list[str], vectors: npt.NDArray[np.floating[Any]]) -> None:
    norms = np.linalg.norm(vectors.astype(np.float32), axis=1)
    bad = np.flatnonzero(~(np.isfinite(norms) & (norms > 0)))
    if bad.size:
        raise VectorIndexError(
            f"index {name!r}: the vector of item {ids[bad[0]]!r} is zero or not finite "
            f"({bad.size} such in this batch); embed it again, nothing was written"
        )
