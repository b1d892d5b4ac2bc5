"""Columns of text as numbers, moments and hashes, without a Python loop over their rows.

What cannot be read becomes NaN or NaT, never an error. It does not know what the columns mean.
"""

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

# what the cast below takes: one other text would fail the whole column
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
# Of year, month, day, hour, minute, second: where their digits stand in 2019-07-14T18:05:33, and what each counts.
_PLACES = np.array([[1000, 100, 10, 1], [0, 0, 10, 1], [0, 0, 10, 1], [0, 0, 10, 1], [0, 0, 10, 1], [0, 0, 10, 1]])
_DIGITS = np.array([[0, 1, 2, 3], [0, 0, 5, 6], [0, 0, 8, 9], [0, 0, 11, 12], [0, 0, 14, 15], [0, 0, 17, 18]])
_DATE_CHARS, _SECOND_CHARS = 16, 19  # 2019-07-14T18:05, and with :33 behind it

Floats = npt.NDArray[np.float64]
Moments = npt.NDArray[np.datetime64]
Hashes = npt.NDArray[np.uint64]


def as_text(column: pa.Array) -> pa.Array:
    """A column of bytes, text or anything else as text; bytes that are no UTF-8 become U+FFFD."""
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([None if v is None else v.decode("utf-8", "replace") for v in column.to_pylist()], pa.string())


def numbers(column: pa.Array) -> Floats:
    """Text as numbers, float64 [n]; NaN where there is none, or none that can be read."""
    # a clean column, which most are, needs no look at each text
    try:
        read = column.cast(pa.float64())
    except pa.ArrowInvalid:
        clean = pc.if_else(pc.match_substring_regex(column, _NUMBER), pc.utf8_trim_whitespace(column), None)
        read = clean.cast(pa.float64())
    return np.asarray(read.fill_null(np.nan), np.float64)


def moments(column: pa.Array) -> Moments:
    """Text as moments, datetime64[s] [n]; NaT where it is none, such as 0000-00-00 00:00:00 or the 31st of June.

    Read are YYYY-MM-DD HH:MM and HH:MM:SS, with - : / or . within the date and a blank or T behind it. What follows, a
    fraction or a zone, is passed over: it is the wall clock that counts.
    """
    moment = np.full(len(column), np.datetime64("NaT"), "datetime64[s]")
    lengths = np.asarray(pc.binary_length(column).fill_null(0))
    rows = np.flatnonzero(lengths >= _DATE_CHARS)
    if not rows.size:
        return moment
    chars = _first_chars(column, rows, lengths)
    fields = chars[:, _DIGITS].astype(np.int64) - ord("0")  # [k, 6, 4]
    asked = _PLACES > 0
    with_seconds = chars[:, 16] == ord(":")
    fields[~with_seconds, 5] = 0
    is_digit = ((fields >= 0) & (fields <= 9) | ~asked).all(axis=(1, 2))
    between = [(4, b"-:/."), (7, b"-:/."), (10, b" T"), (13, b":")]
    is_spaced = np.all([np.isin(chars[:, at], list(signs)) for at, signs in between], axis=0)
    year, month, day, hour, minute, second = (fields * _PLACES).sum(axis=2).T  # [k] each
    good = is_digit & is_spaced & (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    good &= (hour <= 23) & (minute <= 59) & (second <= 59)
    months = ((year[good] - 1970) * 12 + month[good] - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day[good] - 1)
    seconds = hour[good] * 3600 + minute[good] * 60 + second[good]
    true = days.astype("datetime64[M]") == months  # else the 31st of a month of 30 days
    moment[rows[good][true]] = days[true].astype("datetime64[s]") + seconds[true]
    return moment


def hashes(column: pa.Array) -> Hashes:
    """A hash of each text, uint64 [n], the same in every run; 0 for none."""
    coded = column.dictionary_encode()
    texts = coded.dictionary.to_pylist()
    found: Hashes = np.array([0, *(hash_of(text) for text in texts)], np.uint64)
    of_rows: Hashes = found[np.asarray(coded.indices.fill_null(-1)) + 1]  # none is −1, and so the first
    return of_rows


def hash_of(text: str) -> int:
    """64 bits, never 0."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") or 1


def mixed(*columns: npt.NDArray[np.uint64] | int) -> Hashes:
    """One hash [n] of several columns of 64 bits, by the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    found = np.zeros(1, np.uint64)
    for column in columns:
        z = (found ^ np.asarray(column, np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        found = z ^ (z >> np.uint64(31))
    return found


def shares(hashed: Hashes) -> Floats:
    """Hashes as numbers from 0 to below 1, evenly spread."""
    return (hashed >> np.uint64(11)).astype(np.float64) / 2.0**53  # 53 bits, as many as a float64 holds


def _first_chars(
    column: pa.Array, rows: npt.NDArray[np.int64], lengths: npt.NDArray[np.int32]
) -> npt.NDArray[np.uint8]:
    """The first 19 bytes [k, 19] of rows that have at least 16; 0 behind their end."""
    _, offsets, data = column.buffers()
    # a slice of a column shares its buffers and begins at its offset
    starts = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column)][rows]
    at = starts[:, None] + np.arange(_SECOND_CHARS)
    inside = np.arange(_SECOND_CHARS) < lengths[rows][:, None]
    held = np.frombuffer(data, np.uint8)
    # the last rows must not read beyond the buffer
    return np.where(inside, held[np.minimum(at, len(held) - 1)], 0).astype(np.uint8)
