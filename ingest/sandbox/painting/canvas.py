"""The canvas of a ground picture: shapes in the light of the scene, perspective, textures, lamps, weather.

Coordinates are shares of the frame, x to the right and y down. `metre(y)` is how long a metre is for what stands on
flat ground at height y of the frame. It draws at twice the size and halves it in the end.
"""

import math
import random
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ingest.sandbox.painting.light import Colour, blend, grass, light_of, lit
from ingest.sandbox.scene import Scene

Point = tuple[float, float]
Floats = npt.NDArray[np.float32]


class PictureCanvas:
    """A picture in the making.

    Args:
        scene: What it shows.
        size_px: Width and height of the finished picture.

    Attributes:
        scene: What it shows.
        rng: All chance in the picture.
        light: The light of the scene.
        horizon: Height of the horizon in the frame.
        eye_m: Height of the camera above the ground.
        on_ground: Paints what stands far away, once the ground lies and before the rest.
    """

    def __init__(self, scene: Scene, size_px: int) -> None:
        self.scene = scene
        self.rng = random.Random(scene.seed * 2 + 1)
        self.light = light_of(scene)
        self.px = 2 * size_px
        self.horizon = self.rng.uniform(0.36, 0.54)
        self.eye_m = self.rng.choice((1.7, 1.8, 2.2, 3.0))
        self.image = Image.new("RGB", (self.px, self.px))
        self._draw = ImageDraw.Draw(self.image)
        self._glows: list[tuple[float, float, float, Colour, float]] = []
        self.on_ground: Callable[[PictureCanvas], None] | None = None

    @property
    def lamps(self) -> bool:
        """Whether lamps burn."""
        return self.light.dark > 0.35

    def flood(self, level: float) -> None:
        """Lamps light up all that is painted from now on, where it is dark; `level` 0..1 of daylight."""
        self.light = lit(self.light, level)

    def metre(self, y: float) -> float:
        """Length of a metre for what stands at y."""
        return max(y - self.horizon, 0.004) / self.eye_m

    def pick(self, *colours: Colour) -> Colour:
        """One of several colours, a little varied."""
        red, green, blue = self.rng.choice(colours)
        shift = self.rng.uniform(-14, 14)
        return (int(red + shift), int(green + shift), int(blue + shift))

    # shapes

    def poly(self, points: Sequence[Point], colour: Colour, far: float = 0.0) -> None:
        """A filled polygon."""
        px = self.px
        self._draw.polygon([(x * px, y * px) for x, y in points], fill=self.light.on(colour, far * self.light.haze))

    def rect(self, x0: float, y0: float, x1: float, y1: float, colour: Colour, far: float = 0.0) -> None:
        """A filled rectangle, corners in any order."""
        px = self.px
        if x1 < x0:
            x0, x1 = x1, x0
        if y1 < y0:
            y0, y1 = y1, y0
        ink = self.light.on(colour, far * self.light.haze)
        self._draw.rectangle((x0 * px, y0 * px, max(x1 * px - 0.5, x0 * px), max(y1 * px - 0.5, y0 * px)), fill=ink)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour, far: float = 0.0) -> None:
        """A filled ellipse around a centre."""
        px = self.px
        ink = self.light.on(colour, far * self.light.haze)
        self._draw.ellipse(((x - rx) * px, (y - ry) * px, (x + rx) * px, (y + ry) * px), fill=ink)

    def line(self, points: Sequence[Point], colour: Colour, width: float, far: float = 0.0) -> None:
        """An open line; at least a pixel wide."""
        px = self.px
        ink = self.light.on(colour, far * self.light.haze)
        self._draw.line([(x * px, y * px) for x, y in points], fill=ink, width=max(1, round(width * px)))

    def bright(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """A rectangle that shines by itself."""
        px = self.px
        self._draw.rectangle((x0 * px, y0 * px, max(x1 * px - 0.5, x0 * px), max(y1 * px - 0.5, y0 * px)), fill=colour)

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float = 1.0) -> None:
        """Light around a lamp, added in the end."""
        self._glows.append((x, y, radius, colour, strength))

    def lamp(self, x: float, y: float, size: float, colour: Colour = (255, 214, 140)) -> None:
        """A lamp; dull by day, burning in the dark."""
        if self.lamps:
            self.bright(x - size / 2, y - size / 2, x + size / 2, y + size / 2, colour)
            self.glow(x, y, size * 4 + 0.02, colour, 0.8)
        else:
            self.rect(x - size / 2, y - size / 2, x + size / 2, y + size / 2, (190, 190, 185))

    def shadow(self, x: float, y: float, width: float, height: float) -> None:
        """The shadow on the ground of something upright that stands at x, y."""
        light = self.light
        if light.sun < 0.25:
            return
        dx, dy, half = light.shadow_x * height, max(-0.2, min(0.35, light.shadow_y)) * height, width / 2
        tone = self._under(x, y)
        points = [(x - half, y), (x + half, y), (x + half + dx, y + dy), (x - half + dx, y + dy)]
        px = self.px
        self._draw.polygon([(a * px, b * px) for a, b in points], fill=tone)

    def _under(self, x: float, y: float) -> Colour:
        """The colour of the ground there, in shade."""
        limit = self.px - 1
        found = self.image.getpixel((max(0, min(limit, int(x * self.px))), max(0, min(limit, int(y * self.px) + 1))))
        red, green, blue = found if isinstance(found, tuple) else (0, 0, 0)
        keep = 1 - 0.45 * self.light.sun
        return (int(red * keep), int(green * keep), int(blue * keep * 1.05))

    # textures

    def sky(self) -> None:
        """Sky with clouds, sun, moon or stars down to the horizon."""
        light, scene, rows = self.light, self.scene, max(2, int(self.horizon * self.px) + 2)
        down = np.linspace(0, 1, rows, dtype=np.float32)[:, None, None] ** 1.4
        above, low = np.array(light.above, np.float32), np.array(light.low, np.float32)
        sky = np.broadcast_to(above + (low - above) * down, (rows, self.px, 3)).copy()
        if scene.cloud > 0.08:
            row: Floats = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
            texture = _sample(self.px, rows, 0.34 + 0.7 * row, 40 * row + 70 * row * row, self.rng)
            amount = np.clip((texture - (0.88 - 0.74 * scene.cloud)) * 3.4, 0, 1)[..., None]
            day = 1 - light.dark
            shade = (0.55 + 0.5 * (1 - scene.cloud)) * (0.9 + 0.25 * texture[..., None])
            white = (np.array((250, 250, 252), np.float32) * day * 0.75 + low * (0.25 + 0.6 * (1 - day))) * np.minimum(
                shade, 1.02
            )
            sky += (white - sky) * amount * 0.88
        self.image.paste(Image.fromarray(np.clip(sky, 0, 255).astype(np.uint8)), (0, 0))
        self.rect(0, self.horizon, 1, 1, grass(scene), 0.6)  # land goes on where nothing else is painted
        self._heavens()

    def _heavens(self) -> None:
        light, scene, rng = self.light, self.scene, self.rng
        if light.sun_x is not None and -3 < scene.sun_altitude_deg < 35:
            y = self.horizon - scene.sun_altitude_deg / 60
            if scene.sun_altitude_deg > 0:
                self._draw.ellipse(self._box(light.sun_x, y, 0.025), fill=(255, 246, 215))
            low = max(0.0, 1 - scene.sun_altitude_deg / 30)
            self.glow(light.sun_x, y, 0.28 + 0.3 * low, (255, int(225 - 65 * low), int(180 - 110 * low)), 0.75)
        if light.dark > 0.75 and scene.cloud < 0.6:
            for _ in range(26):
                x, y = rng.random(), rng.random() * self.horizon * 0.9
                self.bright(x, y, x + 0.004, y + 0.004, (170, 175, 200))
            if rng.random() < 0.35:
                x, y = rng.uniform(0.1, 0.9), rng.uniform(0.06, 0.2)
                self._draw.ellipse(self._box(x, y, 0.024), fill=(235, 235, 220))
                self.glow(x, y, 0.13, (150, 155, 175), 0.5)

    def _box(self, x: float, y: float, radius: float) -> tuple[float, float, float, float]:
        return ((x - radius) * self.px, (y - radius) * self.px, (x + radius) * self.px, (y + radius) * self.px)

    def ground(self, colour: Colour, *, top: float | None = None, bottom: float = 1.0, grain: float = 0.25) -> None:
        """Ground from `top` (the horizon if None) to `bottom`, with grain in perspective."""
        self._surface(colour, colour, self.horizon if top is None else top, bottom, grain, 1.0)

    def water(self, colour: Colour, *, top: float | None = None, bottom: float = 1.0, waves: float = 0.3) -> None:
        """Water that takes on the colour of the sky towards the horizon."""
        sky = self.light.low
        shine = blend(colour, (int(sky[0]), int(sky[1]), int(sky[2])), 0.55)
        self._surface(colour, shine, self.horizon if top is None else top, bottom, waves, 0.22)

    def _surface(self, near: Colour, far: Colour, top: float, bottom: float, grain: float, wide: float) -> None:
        first, last = max(0, int(top * self.px)), min(self.px, math.ceil(bottom * self.px))
        if last - first < 2:
            return
        y = (np.arange(first, last, dtype=np.float32)[:, None] + np.float32(0.5)) / self.px
        metre: Floats = np.maximum(y - min(top, self.horizon), 0.01).astype(np.float32)
        texture = _sample(self.px, last - first, 0.16 / metre * wide, 7.0 / metre, self.rng)
        share = np.clip((y - top) / max(bottom - top, 0.02), 0, 1)[..., None] ** 0.6
        light = self.light
        lit_near, lit_far = np.array(light.on(near), np.float32), np.array(light.on(far, 0.5 * light.haze), np.float32)
        surface = lit_far + (lit_near - lit_far) * share
        surface = surface * (1 + grain * (texture[..., None] - 0.5) * (0.35 + 0.65 * share))
        self.image.paste(Image.fromarray(np.clip(surface, 0, 255).astype(np.uint8)), (0, first))
        if bottom >= 1.0 and self.on_ground is not None:
            paint, self.on_ground = self.on_ground, None
            paint(self)

    # the end

    def finish(self) -> npt.NDArray[np.uint8]:
        """The picture with lamps, rain or snowfall and the noise of a camera, uint8 [px, px, 3]."""
        size = self.px // 2
        wide = self.rng.uniform(0.86, 1.0)  # framing: a part of what was painted
        left, up = self.rng.uniform(0, 1 - wide), self.rng.uniform(0, 1 - wide)
        box = (left * self.px, up * self.px, (left + wide) * self.px, (up + wide) * self.px)
        framed = self.image.resize((size, size), Image.Resampling.BILINEAR, box)
        picture = np.asarray(framed, dtype=np.float32).copy()
        scale = size / wide
        for x, y, radius, colour, strength in self._glows:
            _add_glow(picture, (x - left) * scale, (y - up) * scale, radius * scale, colour, strength)
        if self.rng.random() < 0.5:
            picture = picture[:, ::-1].copy()
        if self.scene.rain:
            self._precipitation(picture)
        noise = np.random.default_rng([self.scene.seed, 17])
        gain = noise.uniform(0.985, 1.015, 3).astype(np.float32) * noise.uniform(0.93, 1.07)
        picture *= gain
        picture += noise.standard_normal((size, size, 1), dtype=np.float32) * (2.0 + 2.0 * self.light.dark)
        return np.clip(picture, 0, 255).astype(np.uint8)

    def _precipitation(self, picture: Floats) -> None:
        size, rng = picture.shape[0], self.rng
        snowing = self.scene.snow > 0.4
        layer = Image.new("L", (size, size))
        draw = ImageDraw.Draw(layer)
        lean = rng.uniform(-0.03, 0.03) * size
        for _ in range(110 if snowing else 90):
            x, y, scale = rng.random() * size, rng.random() * size, size / 96
            if snowing:
                radius = rng.uniform(0.4, 1.0) * scale
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=rng.randint(120, 230))
            else:
                draw.line((x, y, x + lean, y + rng.uniform(3, 8) * scale), fill=rng.randint(40, 95))
        amount = np.asarray(layer, dtype=np.float32)[..., None] / 255
        level = 235 if snowing else 60 + 0.6 * float(np.mean(self.light.low))
        picture += (level * (1 - 0.55 * self.light.dark) - picture) * amount


@cache
def _noise() -> Floats:
    """Smooth noise that repeats, 0..1, [512, 512]: a power spectrum, brought to even shares."""
    size = 512
    rng = np.random.default_rng(1)
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) / np.maximum(frequency, 1 / 96) ** 1.25
    field = np.fft.irfft2(spectrum, (size, size))
    ranks = np.empty(field.size, np.float32)
    ranks[np.argsort(field, axis=None)] = np.linspace(0, 1, field.size, dtype=np.float32)
    return ranks.reshape(size, size)


def _sample(px: int, rows: int, step: Floats, depth: Floats, rng: random.Random) -> Floats:
    """Noise in perspective: `step` texels a pixel across and `depth` down, [rows, 1] each; 0..1, [rows, px]."""
    columns = (np.arange(px, dtype=np.float32)[None, :] - px / 2) * step * (192 / px) + rng.random() * 512
    lines = np.broadcast_to(depth + np.float32(rng.random() * 512), (rows, 1))
    field: Floats = _noise()[lines.astype(np.int32) % 512, columns.astype(np.int32) % 512]
    return field


def _add_glow(picture: Floats, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
    size = picture.shape[0]
    x0, x1, y0, y1 = (
        max(0, int(x - radius)),
        min(size, int(x + radius) + 1),
        max(0, int(y - radius)),
        min(size, int(y + radius) + 1),
    )
    if x0 >= x1 or y0 >= y1 or radius <= 0:
        return
    dx = (np.arange(x0, x1, dtype=np.float32) + 0.5 - x)[None, :] / radius
    dy = (np.arange(y0, y1, dtype=np.float32) + 0.5 - y)[:, None] / radius
    fall = np.maximum(0, 1 - np.sqrt(dx * dx + dy * dy)) ** 2 * strength
    picture[y0:y1, x0:x1] += fall[..., None] * np.array(colour, np.float32)
