"""Footprints of many tiles at once: what `ingest.geo.geometry.Footprint` is for one, as NumPy columns.

Each tile is a square, north up at its centre, in its own Lambert azimuthal equal-area projection of the WGS84 ellipsoid
(Snyder, Map Projections: A Working Manual, USGS 1395, pages 187-190, ellipsoidal form). It knows neither pixels nor
files.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from ingest.geo.geometry import Floats, Footprint
from trainer.earth import ECCENTRICITY_2, EQUATOR_DEGREE_M, EQUATOR_RADIUS_M, SHORTEST_DEGREE_M

_E = ECCENTRICITY_2**0.5
_POLAR = np.radians(89.9)
_STRAIGHT = 1_300.0  # sides from the pole at which a side's chord is the side (see `ingest.geo.geometry.ring`)

# one polygon of one ring of five points in little-endian well-known binary
_WKB = np.dtype([("little", "u1"), ("kind", "<u4"), ("rings", "<u4"), ("points", "<u4"), ("ring", "<f8", (5, 2))])


def _q(sine: Floats) -> Floats:
    """Snyder's q of the sine of a latitude."""
    inside = sine / (1 - ECCENTRICITY_2 * sine**2) - np.log((1 - _E * sine) / (1 + _E * sine)) / (2 * _E)
    return np.asarray((1 - ECCENTRICITY_2) * inside)


_QP = float(_q(np.array(1.0)))
_RQ = AUTHALIC_RADIUS_M = EQUATOR_RADIUS_M * (_QP / 2) ** 0.5
"""Radius of the sphere of equal area, metres."""


def authalic(lat: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Sine and cosine of the authalic latitudes of geodetic latitudes in degrees."""
    phi = np.radians(np.asarray(lat, float))
    sine = np.clip(_q(np.sin(phi)) / _QP, -1, 1)
    # beside a pole 1 − sine² has no digits left, and Snyder's D is 1 to nine of them
    cosine = np.where(np.abs(phi) > _POLAR, EQUATOR_RADIUS_M / _RQ * _m(phi), np.sqrt(1 - sine**2))
    # of the chosen cosine, so that the two belong to one latitude
    return np.copysign(np.sqrt(1 - cosine**2), phi), cosine


def _m(phi: Floats) -> Floats:
    """Snyder's m: the radius of a parallel over the equator's."""
    return np.asarray(np.abs(np.cos(phi)) / np.sqrt(1 - ECCENTRICITY_2 * np.sin(phi) ** 2))


@dataclass(frozen=True)
class Places:
    """Where n tiles are.

    Attributes:
        lat: Centres, degrees north, [n].
        lon: Centres, degrees east, [n].
        size_m: Sides, metres, [n].
    """

    lat: Floats
    lon: Floats
    size_m: npt.NDArray[np.floating]


@dataclass(frozen=True)
class Squares:
    """n squares in the numbers that their projections need.

    Attributes:
        lat: Centres, degrees north, float64 [n].
        lon: Degrees east, float64 [n].
        half_m: Half their sides, metres, float64 [n].
        sine: Of the authalic latitude of the centre, [n].
        cosine: Of the authalic latitude of the centre, [n].
        stretch: Snyder's D, [n].
    """

    lat: Floats
    lon: Floats
    half_m: Floats
    sine: Floats
    cosine: Floats
    stretch: Floats

    @classmethod
    def of(cls, places: Places) -> "Squares":
        """From centres in degrees and sides in metres."""
        centre = np.asarray(places.lat, float)
        sine, cosine = authalic(centre)
        half = np.asarray(places.size_m, float) / 2
        stretch = EQUATOR_RADIUS_M * _m(np.radians(centre)) / (_RQ * cosine)  # Snyder's D = a·m₁ / (R_q·cos β₁)
        return cls(centre, np.asarray(places.lon, float), half, sine, cosine, stretch)

    def take(self, rows: npt.NDArray[np.int64]) -> "Squares":
        """Some of them."""
        columns = (self.lat, self.lon, self.half_m, self.sine, self.cosine, self.stretch)
        return Squares(*(column[rows] for column in columns))

    def reach_deg(self) -> tuple[Floats, Floats]:
        """Degrees of latitude and of longitude by which squares reach from their centres, a little more than true."""
        # how far the parallel through a side's middle leaves it at the corners, as a share of half a side
        bend = self.half_m * np.minimum(np.abs(np.tan(np.radians(self.lat))), 1e4) / (2 * _RQ)
        up = 1.002 * self.half_m * (1 + np.minimum(bend, 1)) / SHORTEST_DEGREE_M
        narrow = np.cos(np.radians(np.minimum(np.abs(self.lat) + up, 90)))
        along = 1.002 * self.half_m / (np.maximum(narrow, 1e-9) * EQUATOR_DEGREE_M)
        holds_pole = np.abs(self.lat) + 1.5 * up >= 90
        return up, np.where(holds_pole, 180.0, np.minimum(along, 180.0))

    def polygons(self) -> npt.NDArray[np.object_]:
        """Outlines in degrees, x = longitude, shapely geometries [n]; split at ±180°."""
        return np.asarray(shapely.from_wkb(self.wkb()))

    def wkb(self) -> list[bytes]:
        """The same as well-known binary, [n]."""
        # nearly all: their five points are written as they are; the odd ones go through shapely, one by one
        plain = self._plain()
        some = np.flatnonzero(plain)
        corners = self.take(some)._corners()
        records = np.zeros(len(some), _WKB)
        records["little"], records["kind"], records["rings"], records["points"] = 1, 3, 1, 5
        records["ring"] = np.concatenate([corners, corners[:, :1]], axis=1)
        content = records.tobytes()
        written = iter(content[at : at + _WKB.itemsize] for at in range(0, records.nbytes, _WKB.itemsize))
        return [next(written) if ordinary else self._odd(row) for row, ordinary in enumerate(plain.tolist())]

    def _odd(self, row: int) -> bytes:
        """One that is near a pole or across ±180°."""
        one = Footprint(float(self.lat[row]), float(self.lon[row]), float(2 * self.half_m[row]))
        return bytes(shapely.to_wkb(one.polygon))

    def _plain(self) -> npt.NDArray[np.bool_]:
        """Which have straight sides in degrees and do not touch ±180°."""
        to_pole_m = (90 - np.abs(self.lat)) * SHORTEST_DEGREE_M
        _, along = self.reach_deg()
        return np.asarray((to_pole_m >= 2 * _STRAIGHT * self.half_m) & (np.abs(self.lon) + along < 180))

    def _corners(self) -> Floats:
        """Longitudes and latitudes of the corners, anticlockwise from the south-west, [n, 4, 2]."""
        x = self.half_m[:, None] * np.array([-1, 1, 1, -1])
        y = self.half_m[:, None] * np.array([-1, -1, 1, 1])
        return np.stack(self.to_lonlat(x, y), axis=-1)

    def to_lonlat(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Longitudes and latitudes of metres east and north of the centres, each [n, k]; longitudes may pass ±180°."""
        sine, cosine, stretch = self.sine[:, None], self.cosine[:, None], self.stretch[:, None]
        # Snyder's inverse: ρ, c_e, β′ and λ, then his series (3-18) from authalic to geodetic latitude.
        rho = np.hypot(x / stretch, stretch * y)
        angle = 2 * np.arcsin(rho / (2 * _RQ))
        with np.errstate(invalid="ignore"):
            up = np.where(rho > 0, stretch * y * np.sin(angle) * cosine / rho, 0.0)  # the very centre has no direction
        beta = np.arcsin(np.clip(np.cos(angle) * sine + up, -1, 1))
        lam = np.arctan2(
            x * np.sin(angle), stretch * rho * cosine * np.cos(angle) - stretch**2 * y * sine * np.sin(angle)
        )
        e4, e6 = ECCENTRICITY_2**2, ECCENTRICITY_2**3
        phi = (
            beta
            + (ECCENTRICITY_2 / 3 + 31 * e4 / 180 + 517 * e6 / 5040) * np.sin(2 * beta)
            + (23 * e4 / 360 + 251 * e6 / 3780) * np.sin(4 * beta)
            + 761 * e6 / 45360 * np.sin(6 * beta)
        )
        return np.degrees(lam) + self.lon[:, None], np.degrees(phi)


def offsets_m(
    squares: Squares, *, sine: Floats, cosine: Floats, east_sine: Floats, east_cosine: Floats
) -> tuple[Floats, Floats]:
    """Where places lie in the projections of squares: metres east and north of each centre.

    Args:
        squares: n of them; every array's first axis is theirs, or of length 1.
        sine: Of the places' authalic latitudes.
        cosine: Of the places' authalic latitudes.
        east_sine: Sine of the places' longitudes less that of the centre.
        east_cosine: Cosine of that difference.
    """
    shape = (-1,) + (1,) * (np.ndim(east_sine) - 1)
    centre_sine, centre_cosine = squares.sine.reshape(shape), squares.cosine.reshape(shape)
    stretch = squares.stretch.reshape(shape)
    along = cosine * east_cosine
    # at least 1e-12: the antipode of a centre has no place in its projection
    scale = _RQ * np.sqrt(2 / np.maximum(1 + centre_sine * sine + centre_cosine * along, 1e-12))
    return scale * stretch * cosine * east_sine, scale / stretch * (centre_cosine * sine - centre_sine * along)
