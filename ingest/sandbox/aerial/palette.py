"""Colours of the ground from above in the early summer of each climate, red, green and blue of 0..255.

It does not know which island has which.
"""

from dataclasses import dataclass

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of one climate."""

    grass: Colour
    heath: Colour
    conifer: Colour
    leafy: Colour
    wheat: Colour
    plough: Colour
    pasture: Colour
    green: Colour
    rock: Colour
    sand: Colour
    deep: Colour
    shallow: Colour
    fresh: Colour
    roofs: tuple[Colour, Colour, Colour]
    snow: float


PALETTES = {
    "boreal": Palette(
        grass=(104, 122, 74), heath=(116, 112, 78), conifer=(48, 78, 52), leafy=(82, 112, 54), wheat=(204, 184, 108),
        plough=(108, 88, 70), pasture=(104, 142, 72), green=(72, 112, 52), rock=(130, 128, 124), sand=(200, 188, 158),
        deep=(26, 60, 90), shallow=(58, 108, 122), fresh=(34, 58, 66),
        roofs=((150, 70, 58), (92, 94, 100), (168, 150, 130)), snow=1.0,
    ),
    "temperate": Palette(
        grass=(110, 136, 72), heath=(128, 132, 84), conifer=(47, 82, 50), leafy=(86, 122, 56), wheat=(214, 190, 104),
        plough=(122, 94, 70), pasture=(116, 156, 74), green=(76, 122, 54), rock=(142, 138, 130), sand=(218, 204, 168),
        deep=(22, 68, 106), shallow=(66, 134, 146), fresh=(38, 72, 82),
        roofs=((176, 92, 66), (140, 70, 56), (112, 106, 104)), snow=0.9,
    ),
    "dry": Palette(
        grass=(156, 146, 96), heath=(168, 150, 108), conifer=(66, 86, 54), leafy=(106, 120, 64), wheat=(228, 202, 124),
        plough=(154, 114, 80), pasture=(148, 158, 88), green=(88, 124, 58), rock=(174, 160, 140), sand=(232, 216, 176),
        deep=(18, 84, 130), shallow=(72, 164, 172), fresh=(46, 92, 98),
        roofs=((198, 120, 82), (182, 100, 70), (226, 216, 198)), snow=0.0,
    ),
    "tropical": Palette(
        grass=(96, 142, 64), heath=(112, 138, 70), conifer=(32, 78, 42), leafy=(58, 112, 48), wheat=(212, 192, 98),
        plough=(152, 92, 62), pasture=(112, 164, 72), green=(62, 130, 50), rock=(122, 118, 106), sand=(238, 228, 200),
        deep=(14, 92, 140), shallow=(80, 190, 188), fresh=(48, 90, 76),
        roofs=((170, 96, 74), (206, 206, 204), (116, 140, 160)), snow=0.0,
    ),
}  # fmt: skip
