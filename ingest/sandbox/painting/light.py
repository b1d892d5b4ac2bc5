"""Light and colours of a scene: the sky by true sun height, what it does to colours on the ground, cover by season.

Colours are (red, green, blue), 0..255, as they would look at noon; `Light.on` gives them as they look now.
"""

import math
from dataclasses import dataclass, replace

from ingest.sandbox.scene import Scene

Colour = tuple[int, int, int]
Tone = tuple[float, float, float]

# sun altitude, sky above, sky at the horizon, factor on what stands on the ground
_SKIES: tuple[tuple[float, Tone, Tone, Tone], ...] = (
    (-16, (9, 12, 30), (22, 27, 54), (0.26, 0.29, 0.43)),
    (-9, (18, 26, 62), (66, 58, 92), (0.31, 0.33, 0.47)),
    (-4, (48, 66, 124), (224, 122, 92), (0.44, 0.40, 0.50)),
    (1, (92, 122, 184), (255, 178, 104), (0.86, 0.66, 0.54)),
    (7, (98, 152, 214), (246, 222, 178), (1.00, 0.88, 0.72)),
    (20, (78, 144, 218), (204, 226, 240), (1.00, 0.97, 0.90)),
    (50, (52, 122, 214), (176, 212, 244), (1.06, 1.05, 1.00)),
    (90, (44, 114, 212), (170, 208, 244), (1.08, 1.06, 1.02)),
)
_DAWN_TINT: Tone = (0.94, 0.96, 1.08)  # mornings are cooler and rosier than evenings


@dataclass(frozen=True, slots=True)
class Light:
    """How everything looks at the moment.

    Attributes:
        above: Sky overhead.
        low: Sky at the horizon.
        factor: On colours of things.
        grey: How far colours fade under cloud, 0..1.
        dark: 0 by day to 1 at night; lamps burn from about 0.4.
        shadow_x: Where shadows fall to, in heights of the thing; right is positive.
        shadow_y: Likewise, towards the viewer positive.
        sun: How strong shadows are, 0..1.
        sun_x: Where the sun stands in the frame (0..1 from the left), or None.
        haze: How soon the distance pales, 0..1.
    """

    above: Tone
    low: Tone
    factor: Tone
    grey: float
    dark: float
    shadow_x: float
    shadow_y: float
    sun: float
    sun_x: float | None
    haze: float

    def on(self, colour: Colour, far: float = 0.0) -> Colour:
        """A colour in this light; `far` 0..1 lets it pale into the horizon."""
        mean = (colour[0] + colour[1] + colour[2]) / 3
        fade = self.grey * 0.35
        out = []
        for value, factor, low in zip(colour, self.factor, self.low, strict=True):
            lit = (value + (mean - value) * fade) * factor
            out.append(max(0, min(255, int(lit + (low - lit) * far))))
        return (out[0], out[1], out[2])


def light_of(scene: Scene) -> Light:
    """The light of a scene."""
    above, low, factor = _sky(scene.sun_altitude_deg)
    morning = scene.when.hour < 12
    if morning and -9 < scene.sun_altitude_deg < 9:
        low = _times(low, (0.97, 0.95, 1.18))
        factor = _times(factor, _DAWN_TINT)
    dark = _clamp((2 - scene.sun_altitude_deg) / 10)
    cover = scene.cloud * (1 if scene.cloud > 0.6 else 0.6)
    level = (0.5 * (low[0] + low[1] + low[2]) + 0.5 * (above[0] + above[1] + above[2])) / 3
    veil = _mix(above, low, 0.5) if dark > 0.3 else (level * 1.02, level * 1.04, level * 1.07)
    above, low = _mix(above, veil, cover * 0.9), _mix(low, veil, cover * 0.75)
    factor = _times(factor, (1 - 0.2 * cover, 1 - 0.17 * cover, 1 - 0.13 * cover))
    if scene.rain:
        above, low, factor = _scale(above, 0.84), _scale(low, 0.88), _scale(factor, 0.9)
    side = math.radians(scene.sun_azimuth_deg - scene.heading_deg)
    length = min(3.0, 1 / math.tan(math.radians(max(scene.sun_altitude_deg, 12))))
    turned = math.degrees((side + math.pi) % (2 * math.pi) - math.pi)
    return Light(
        above=above,
        low=low,
        factor=factor,
        grey=cover,
        dark=dark,
        shadow_x=-math.sin(side) * length,
        shadow_y=math.cos(side) * length * 0.35,
        sun=(1 - cover) * (1 - dark) if scene.sun_altitude_deg > 1 else 0.0,
        sun_x=0.5 + turned / 70 if abs(turned) < 40 and scene.cloud < 0.7 else None,
        haze=0.35 + 0.3 * (scene.rain or (morning and abs(scene.sun_altitude_deg - 2) < 8)),
    )


def lit(light: Light, level: float) -> Light:
    """The light of a place with many lamps, where it is dark; `level` 0..1 of daylight."""
    share = _clamp(light.dark * 1.6 - 0.4)
    least = (level * 1.04, level, level * 0.86)
    bright = (
        max(light.factor[0], least[0]), max(light.factor[1], least[1]), max(light.factor[2], least[2]),
    )  # fmt: skip
    return replace(light, factor=_mix(light.factor, bright, share))


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """`share` of the second colour in the first."""
    mixed = _mix(first, second, share)
    return (int(mixed[0]), int(mixed[1]), int(mixed[2]))


def grass(scene: Scene) -> Colour:
    """Grass by season: fresh in spring, dry in the heat, dull in winter, white under snow."""
    green = blend((118, 112, 74), (92, 148, 58), _clamp(scene.warmth * 2.2))
    dry = _clamp((scene.warmth - 0.75) * 2) * (0.55 if abs(scene.lat) > 20 else 0.0)
    return white(scene, blend(green, (176, 164, 92), dry))


def white(scene: Scene, colour: Colour) -> Colour:
    """A colour under the snow of the scene."""
    return blend(colour, (240, 243, 250), _clamp(scene.snow * 1.1 - 0.05))


def _sky(altitude: float) -> tuple[Tone, Tone, Tone]:
    below = _SKIES[0]
    for stage in _SKIES:
        if altitude <= stage[0]:
            share = 1.0 if stage is below else (altitude - below[0]) / (stage[0] - below[0])
            share = _clamp(share)
            return (
                _mix(below[1], stage[1], share),
                _mix(below[2], stage[2], share),
                _mix(below[3], stage[3], share),
            )
        below = stage
    return below[1:]


def _mix(first: Tone, second: Tone, share: float) -> Tone:
    return (
        first[0] + (second[0] - first[0]) * share,
        first[1] + (second[1] - first[1]) * share,
        first[2] + (second[2] - first[2]) * share,
    )


def _times(first: Tone, second: Tone) -> Tone:
    return (min(255, first[0] * second[0]), min(255, first[1] * second[1]), min(255, first[2] * second[2]))


def _scale(tone: Tone, factor: float) -> Tone:
    return (tone[0] * factor, tone[1] * factor, tone[2] * factor)


def _clamp(value: float) -> float:
    return max(0.0, min(1.0, value))
