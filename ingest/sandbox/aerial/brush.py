"""The canvas of the view from above: pixels that know where on the island they are, and a brush for one site.

Shapes are coverages 0..1 whose edges are one pixel soft, computed from metres, so the same ground looks the same in
every tile and at every ground sample distance. It does not know what it paints.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ingest.sandbox.aerial.texture import Textures
from ingest.sandbox.land.noise import Field, hashed
from ingest.sandbox.land.sites import Site

Colour = tuple[float, float, float]
Cover = npt.NDArray[np.floating]


def edge(depth: Cover, width: float) -> Cover:
    """Coverage 0..1 where a depth below an edge goes through 0, over a width."""
    return np.asarray(np.clip(depth / np.float32(width) + np.float32(0.5), 0, 1))


@dataclass
class AerialCanvas:
    """Pixels of a square.

    Attributes:
        x: Metres east of the island's centre, float32 [px, px].
        y: Metres north of it, float32 [px, px].
        rgb: Colours 0..255, float32 [px, px, 3], painted in place.
        gsd_m: Metres a pixel; edges are that soft.
        shadow: East and north metres that the shadow of a metre of height reaches.
        textures: Patterns to look up.
        shore: Metres from the coast, above 0 on land, [px, px]; known once the land is painted.
        town: How close houses stand, as in the layer TOWN, [px, px]; likewise.
    """

    x: Field
    y: Field
    rgb: Field
    gsd_m: float
    shadow: tuple[float, float]
    textures: Textures
    shore: Field = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    town: Field = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    def lay(self, cover: Cover, colour: Colour | Cover) -> None:
        """Lay a colour, one or [px, px, 3], where `cover` says."""
        self.rgb += cover[..., None] * (np.asarray(colour, np.float32) - self.rgb)

    def window(self, x: float, y: float, reach_m: float) -> tuple[slice, slice] | None:
        """Rows and columns of the pixels within a square around a place; None if there are none."""
        n = self.x.shape[0]
        column = (x - float(self.x[0, 0])) / self.gsd_m
        row = (float(self.y[0, 0]) - y) / self.gsd_m
        reach = reach_m / self.gsd_m + 2 + 0.01 * n  # north is up only at the middle of the tile
        top, bottom = max(0, int(row - reach)), min(n, int(row + reach) + 2)
        left, right = max(0, int(column - reach)), min(n, int(column + reach) + 2)
        if top >= bottom or left >= right:
            return None
        return slice(top, bottom), slice(left, right)

    def brush(self, site: Site) -> "Brush | None":
        """A brush for a site and 60 m around it, if any pixel is there."""
        window = self.window(site.x, site.y, float(np.hypot(site.hu, site.hv)) + 60)
        if window is None:
            return None
        cos, sin = float(np.cos(site.angle)), float(np.sin(site.angle))
        dx, dy = self.x[window] - np.float32(site.x), self.y[window] - np.float32(site.y)
        u, v = dx * np.float32(cos) + dy * np.float32(sin), dy * np.float32(cos) - dx * np.float32(sin)
        east, north = self.shadow
        fall = (east * cos + north * sin, north * cos - east * sin)  # the island's shadow in the axes of the site
        return Brush(u, v, self.rgb[window], self.gsd_m, fall, site, self, window)


@dataclass
class Brush:
    """Paints in the axes of a site: u along it, v across, metres.

    Attributes:
        u: Metres along the site from its middle, [h, w].
        v: Metres across it, [h, w].
        rgb: The canvas below, a view [h, w, 3].
        soft: Width of edges, metres: a pixel.
        fall: Shadow of a metre of height along u and v.
        site: What is painted; its seed decides what is drawn by chance.
        canvas: The whole picture.
        window: Rows and columns of it that the brush covers.
    """

    u: Cover
    v: Cover
    rgb: Field
    soft: float
    fall: tuple[float, float]
    site: Site
    canvas: AerialCanvas
    window: tuple[slice, slice]

    def near(self, cu: float, cv: float, reach: float) -> "Brush | None":
        """The brush for pixels around one place of the site only."""
        x, y = self.site.world(cu, cv)
        found = self.canvas.window(float(x), float(y), reach)
        if found is None:
            return None
        rows = slice(max(found[0].start, self.window[0].start), min(found[0].stop, self.window[0].stop))
        columns = slice(max(found[1].start, self.window[1].start), min(found[1].stop, self.window[1].stop))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return None
        # counted from the corner of this brush, whose arrays are a window themselves
        top, left = self.window[0].start, self.window[1].start
        inner = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
        return Brush(
            self.u[inner], self.v[inner], self.rgb[inner], self.soft, self.fall, self.site, self.canvas, (rows, columns)
        )

    # Coverages, float32 [h, w] of 0..1

    def inside(self, depth: Cover) -> Cover:
        """Where a depth below an edge, metres, is above 0."""
        return edge(depth, self.soft)

    def rect(self, cu: float, cv: float, hu: float, hv: float) -> Cover:
        """A rectangle by its middle and half sides."""
        return self.inside(hu - abs(self.u - cu)) * self.inside(hv - abs(self.v - cv))

    def disc(self, cu: float, cv: float, radius: float) -> Cover:
        """A disc."""
        return self.inside(radius - np.hypot(self.u - cu, self.v - cv))

    def oval(self, cu: float, cv: float, ru: float, rv: float) -> Cover:
        """An ellipse."""
        reach = np.hypot((self.u - cu) / ru, (self.v - cv) / rv)
        return self.inside((1 - reach) * min(ru, rv))

    def line(self, u0: float, v0: float, u1: float, v1: float, half: float) -> Cover:
        """A stroke with round ends."""
        du, dv = u1 - u0, v1 - v0
        t = np.clip(((self.u - u0) * du + (self.v - v0) * dv) / max(du * du + dv * dv, 1e-9), 0, 1)
        return self.inside(half - np.hypot(self.u - u0 - t * du, self.v - v0 - t * dv))

    def stripes(self, along: Cover, period: float, width: float) -> Cover:
        """Parallel stripes; finer than pixels, their mean."""
        away = abs(along - period * np.rint(along / period))
        # what pixels cannot show would beat with their grid
        if period < 1.6 * self.soft:
            return np.full_like(along, width / period)
        return self.inside(width / 2 - away)

    def frame(self, cu: float, cv: float, hu: float, hv: float, half: float) -> Cover:
        """The outline of a rectangle."""
        edge = np.minimum(hu - abs(self.u - cu), hv - abs(self.v - cv))
        return self.inside(half - abs(edge))

    def cells(self, pu: float, pv: float) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Cover, Cover]:
        """Number of the cell of each pixel along u and v, and metres from its middle."""
        iu, iv = np.floor(self.u / pu).astype(np.int32), np.floor(self.v / pv).astype(np.int32)
        half = np.float32(0.5)
        return iu, iv, self.u - (iu + half) * np.float32(pu), self.v - (iv + half) * np.float32(pv)

    def luck(self, salt: int, *keys: npt.NDArray[np.int32]) -> Cover:
        """A number in 0..1 for each cell."""
        return hashed(self.site.seed + salt, *keys)

    def chance(self, salt: int) -> float:
        """One number in 0..1 of the whole site."""
        return float(hashed(self.site.seed, salt)[0])

    def grain(self, texel_m: float = 4.0) -> Cover:
        """Fine noise around 0."""
        return self.canvas.textures.grain(self.canvas.x[self.window], self.canvas.y[self.window], texel_m, self.soft)

    # Paint

    def paint(self, cover: Cover, colour: Colour | Cover, grain: float = 0.0) -> None:
        """Lay a colour, one or [h, w, 3], where `cover` says."""
        if not cover.any():
            return
        tone = np.asarray(colour, np.float32)
        if grain:
            tone = tone + (grain * self.grain())[..., None]
        self.rgb += cover[..., None] * (tone - self.rgb)

    def darken(self, cover: Cover, share: float = 0.5) -> None:
        """Lay a shadow."""
        self.rgb *= 1 - np.float32(share) * cover[..., None]

    def ground(self, colour: Colour, grain: float = 6.0, margin: float = 0.0, ragged: float = 0.0) -> Cover:
        """The whole rectangle in one colour, its edge a little irregular if `ragged` (metres)."""
        edge = np.minimum(self.site.hu - margin - abs(self.u), self.site.hv - margin - abs(self.v))
        if ragged:
            edge = edge + ragged * self.grain(18.0)
        cover = self.inside(edge)
        self.paint(cover, colour, grain)
        return cover

    def block(
        self, cu: float, cv: float, hu: float, hv: float, height: float, colour: Colour, ridge: float = 0.0
    ) -> None:
        """A building: its shadow and its roof, with a ridge along the longer side if `ridge` (0..1)."""
        part = self.near(cu, cv, float(np.hypot(hu, hv)) + height)
        if part is None:
            return
        fu, fv = part.fall[0] * height, part.fall[1] * height
        part.darken(part.swept(cu, cv, hu, hv, fu, fv), 0.55)
        tone = np.asarray(colour, np.float32)
        if ridge:
            side = (part.v - cv) if hu >= hv else (part.u - cu)
            # the half of the roof that faces away from the shadow is in the sun
            lit = -part.fall[1] if hu >= hv else -part.fall[0]
            slope = np.sign(side) * np.sign(lit) * ridge * np.clip(abs(side) / max(part.soft, 1), 0, 1)
            part.paint(part.rect(cu, cv, hu, hv), tone * (1 + 0.16 * slope)[..., None])
        else:
            part.paint(part.rect(cu, cv, hu, hv), tone)
            part.paint(part.frame(cu, cv, hu, hv, 0.7) * part.rect(cu, cv, hu, hv), (90.0, 88.0, 86.0))

    def swept(self, cu: float, cv: float, hu: float, hv: float, fu: float, fv: float) -> Cover:
        """A rectangle drawn out along a shadow."""
        best: Cover = self.rect(cu + fu, cv + fv, hu, hv)
        reach = float(np.hypot(fu, fv))
        steps = min(6, int(reach / max(2 * min(hu, hv), self.soft)) + 1)  # copies that touch one another, six at most
        for step in range(1, steps):
            t = step / steps
            np.maximum(best, self.rect(cu + t * fu, cv + t * fv, hu, hv), out=best)
        return best

    def dot(self, cu: float, cv: float, radius: float, colour: Colour, height: float = 0.0) -> None:
        """A round thing: a tank, a parasol, a tree."""
        part = self.near(cu, cv, radius + height)
        if part is None:
            return
        if height:
            part.darken(part.disc(cu + part.fall[0] * height, cv + part.fall[1] * height, radius), 0.5)
        part.paint(part.disc(cu, cv, radius), colour)

    def stroke(self, u0: float, v0: float, u1: float, v1: float, half: float, colour: Colour) -> None:
        """A line in a colour."""
        part = self.near((u0 + u1) / 2, (v0 + v1) / 2, float(np.hypot(u1 - u0, v1 - v0)) / 2 + half)
        if part is not None:
            part.paint(part.line(u0, v0, u1, v1, half), colour)

    def tower(self, cu: float, cv: float, radius: float, height: float, colour: Colour) -> None:
        """A round tower with its long shadow."""
        part = self.near(cu, cv, radius + 1.1 * height)
        if part is None:
            return
        end_u, end_v = cu + part.fall[0] * height, cv + part.fall[1] * height
        part.darken(part.line(cu, cv, end_u, end_v, radius * 0.9), 0.62)
        part.paint(part.disc(cu, cv, radius), colour)

    def trees(self, cover: Cover, spacing: float, share: float, colour: Colour, salt: int = 40) -> None:
        """Single trees with shadows over an area, a share of all cells has one."""
        if not cover.any():
            return
        iu, iv, du, dv = self.cells(spacing, spacing)
        luck = self.luck(salt, iu, iv)
        radius = spacing * (0.24 + 0.2 * self.luck(salt + 1, iu, iv))
        # short: a pixel knows the tree of its own cell only
        shift = 0.3 * spacing
        fu, fv = np.sign(self.fall[0]) * shift, np.sign(self.fall[1]) * shift
        there = (luck < share).astype(np.float32) * cover
        self.darken(there * self.inside(radius - np.hypot(du - fu, dv - fv)), 0.4)
        lit = 1 + 0.25 * (self.luck(salt + 2, iu, iv) - 0.5)
        self.paint(there * self.inside(radius - np.hypot(du, dv)), np.asarray(colour, np.float32) * lit[..., None])
