"""What an index is asked for at a moment: it proposes the tiles that are best there, though it knows no moment."""

from datetime import datetime, time

import numpy as np
import pytest

from ingest.index.protocol import Candidates, Filter
from search_ui.search import candidates as module
from search_ui.search.candidates import Sample, candidates
from tests.test_field import encoder

DIM, N, K = 24, 4_000, 9
MOMENTS = (datetime(2025, 7, 12, 14), datetime(2025, 1, 11, 23), time(6))


class Directions:
    """An index of directions by brute force, as Qdrant's cosine is; it counts questions, and points fetched."""

    def __init__(self, lat: np.ndarray, lon: np.ndarray, o: np.ndarray) -> None:
        self.lat, self.lon, self.norm = lat, lon, np.linalg.norm(o, axis=1)
        self.u, self.asked, self.fetched = o / self.norm[:, None], 0, 0

    def candidates(self, vectors: np.ndarray, k: int, filter: Filter) -> Candidates:
        self.asked += len(vectors)
        order = np.argsort(-(vectors @ self.u.T), axis=1)[:, :k]
        rows = np.unique(order)
        self.fetched += len(rows)
        return Candidates([self._payload(i) for i in rows.tolist()], self.u[rows].astype(np.float32))

    def _payload(self, i: int) -> dict[str, object]:
        where = {"lat": float(self.lat[i]), "lon": float(self.lon[i])}
        return {"tile_id": str(i), "location": where, "norm": float(self.norm[i]), "size_m": 480.0}


@pytest.mark.parametrize("interaction", [None, "diagonal", "full", "untied"])
@pytest.mark.parametrize(("latitudes", "questions"), [((40, 41), 1), ((-50, -35), 1), ((-60, 60), 4)])
def test_few_candidates_hold_the_best_at_any_moment(interaction, latitudes, questions) -> None:
    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(*latitudes, N), rng.uniform(0, 1, N)
    centres = rng.normal(size=(60, DIM))
    o = (2 * (centres[rng.integers(60, size=N)] + 0.7 * rng.normal(size=(N, DIM)))).astype(np.float32)
    form = encoder("seasonal", DIM, 16, scale=0.15, activation="linear", interaction=interaction, rank=8)
    index, sample = Directions(lat, lon, o), Sample(lat[::2], lon[::2], o[::2], form)
    found, moved = 0, 0
    queries = rng.normal(size=(5, DIM)).astype(np.float32)
    for query in queries / np.linalg.norm(queries, axis=1, keepdims=True):
        for when in MOMENTS:
            index.asked = index.fetched = 0
            pool = candidates(index, sample, query, when=when, k=K, filter=Filter())  # type: ignore[arg-type]
            assert index.asked <= questions + 1
            assert index.fetched == len(pool.tile_id) <= (questions + 1) * module.LEAST, "each once"
            timeless = np.argsort(-(o @ query) / index.norm)[: module.AT_ANY_TIME]
            assert {str(i) for i in timeless.tolist()} <= set(pool.tile_id), '"not now" looks at them'
            s = form.at(o, form.place(lat, lon), np.ones(N, bool), when=when)
            cosine = s @ query / np.linalg.norm(s, axis=1)
            best = {str(i) for i in np.argsort(-cosine)[:K].tolist()}
            moved += len(best - {str(i) for i in np.argsort(-(o @ query) / index.norm)[:K].tolist()})
            found += len(best & set(pool.tile_id))
            np.testing.assert_allclose(pool.cosine, cosine[[int(item) for item in pool.tile_id]], atol=1e-5)
    assert moved > 10, "the moment changes what is best"
    assert found / (len(queries) * len(MOMENTS) * K) >= 0.97
