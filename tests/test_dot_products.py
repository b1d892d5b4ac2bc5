"""Dot products against float64, by each conversion that the processor has."""

from concurrent.futures import ThreadPoolExecutor

import numkong
import numpy as np
import pytest

from ingest.field.blocks import scratch
from ingest.field.dot_products import dot_products


@pytest.fixture(params=["the widest", "AVX2 at most", "no instructions of one kind"])
def kernel(request):
    """NumKong held to what a lesser processor has, if this one has more."""
    had = [name for name, there in numkong.get_capabilities().items() if there and name != "serial"]
    kept = {"the widest": had, "AVX2 at most": ["haswell", "alder", "sierra"]}.get(request.param, [])
    off = [name for name in had if name not in kept]
    for name in off:
        numkong.disable_capability(name)
    yield
    for name in off:
        numkong.enable_capability(name)


def made(n, dim, seed=0):
    return np.random.default_rng(seed).normal(0, 2, (n, dim)).astype(np.float16)


def unit(b, dim):
    queries = np.random.default_rng(1).normal(size=(b, dim)).astype(np.float32)
    return queries / np.linalg.norm(queries, axis=1, keepdims=True)


def assert_exact(stored, rows, queries):
    """To a millionth of the longest vector, which is what a cosine may be off."""
    chosen = stored[rows].astype(np.float64)
    out = np.full((len(queries), len(chosen)), 7, np.float32)
    dot_products(queries, stored, rows, out)
    longest = np.linalg.norm(chosen, axis=1).max(initial=1)
    np.testing.assert_allclose(out / longest, queries.astype(np.float64) @ chosen.T / longest, atol=1e-6)


@pytest.mark.parametrize("dim", [1, 31, 64, 100, 513])
@pytest.mark.parametrize("n", [0, 1, 1_025])
@pytest.mark.parametrize("b", [1, 3])
@pytest.mark.usefixtures("kernel")
def test_products_of_any_shape_are_those_of_float64(b, n, dim):
    assert_exact(made(n, dim), slice(0, n), unit(b, dim))


@pytest.mark.parametrize("rows", [slice(7, 1_038), np.array([519, 3, 3, 0]), np.empty(0, np.int64)])
@pytest.mark.parametrize("b", [1, 3])
@pytest.mark.usefixtures("kernel")
def test_some_rows_of_columns_that_lie_apart_are_those_of_float64(b, rows):
    assert_exact(made(1_040, 200)[::2, :100], rows, unit(b, 100))


@pytest.mark.parametrize("b", [1, 3])
@pytest.mark.usefixtures("kernel")
def test_a_row_that_is_not_a_number_spoils_no_other(b):
    stored, out = made(5, 100), np.empty((b, 5), np.float32)
    stored[2, 50] = np.nan
    dot_products(unit(b, 100), stored, slice(0, 5), out)
    assert np.isnan(out).all(axis=0).tolist() == [False, False, True, False, False]
    assert np.isfinite(out[:, [0, 1, 3, 4]]).all()


@pytest.mark.usefixtures("kernel")
def test_values_far_smaller_than_the_largest_of_a_query_count():
    query = np.full((1, 128), 1e-5, np.float32)
    query[0, 0] = 1
    assert_exact(made(50, 128), slice(0, 50), query)


def test_threads_work_in_memory_of_their_own_and_each_in_the_same_again():
    with ThreadPoolExecutor(1) as pool:
        one, other = scratch(3, 4), pool.submit(scratch, 3, 4).result()
        assert not np.shares_memory(one, other)
        assert np.shares_memory(one, scratch(2, 5)) and scratch(2, 5).shape == (2, 5)
