"""How the bands of a raster become red, green, blue and a mask of valid pixels.

Any number of bands and any real number type; nodata, alpha and palettes. It does not know places or files, nor what a
band is called: `colours`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader

from ingest.sources.colours import MASKS, PICTURE, BandFacts, colours_of
from ingest.sources.source import Image8, Mask, SourceOptions
from trainer.errors import ItemError

UNMEASURED = (0.0, 1.0)  # until the source has measured one stretch for all its files
LOSSY_TOLERANCE = 6  # how far JPEG and WebP move a value that was meant as nodata
_LOSSY = ("JPEG", "WEBP")  # JPEG2000, too
_ROUNDING = 5e-6  # of a number: what six printed digits, or 32 bits instead of 64, may move it
_OPAQUE_SHARE = 0.9  # of the pixels that are not wholly transparent: so many of an alpha band are wholly opaque


@dataclass(frozen=True)
class BandPlan:
    """What to read from a raster and how to show it.

    Attributes:
        indexes: Bands that make the picture, from 1: one (grey or palette) or three.
        alpha: Band that says how opaque a pixel is, or None.
        masks: Bands whose masks are read, from 1: none, the first where all share one, else all of `indexes`.
        nodata: One nodata value for each of `indexes`, NaN or number, or None.
        tolerance: How far from nodata a value still counts as nodata.
        palette: uint8 [values, 4], RGBA of each value, or None.
        stretch: Values shown as 0 and 255, or None to show values as they are.
        opaque: Value of a wholly opaque alpha.
        dtype: Type of the values.
        span: Lowest and highest value to show, as a catalogue says; None: it does not.
        factors: Scale and offset of each of `indexes`, where a stretch is counted in physical values; else None.
        inverted: Low values are bright.
        by_pixel: Values must not be mixed on reading: GDAL would weigh them by an alpha that is none, or mix no-data
            values in that it does not know.
        notes: What was chosen because the file does not tell, a sentence each.
    """

    indexes: tuple[int, ...]
    alpha: int | None
    masks: list[int]
    nodata: tuple[float | None, ...]
    tolerance: float
    palette: npt.NDArray[np.uint8] | None
    stretch: tuple[float, float] | None
    opaque: float
    dtype: str = "uint8"
    span: tuple[float, float] | None = None
    factors: tuple[tuple[float, float], ...] | None = None
    inverted: bool = False
    by_pixel: bool = False
    notes: tuple[str, ...] = ()

    @property
    def read_indexes(self) -> list[int]:
        """Bands to read: those of the picture, then alpha if there is one."""
        return [*self.indexes, *([self.alpha] if self.alpha else [])]

    def stretched(self, stretch: tuple[float, float]) -> "BandPlan":
        """The same plan with another stretch."""
        return replace(self, stretch=stretch)

    def with_alpha_seen(self, values: npt.NDArray[Any], *, chosen: bool) -> "BandPlan":
        """The same plan once some values of its alpha band are known.

        A band of many values is none, whatever it is called: GDAL calls a fourth byte alpha, and near-infrared is one.

        Args:
            values: Of the alpha band, any shape.
            chosen: Somebody has said which bands to show: then an alpha that hides all of them is none either.
        """
        near = self.tolerance
        seen = values[values > near]
        top = float(seen.max()) if seen.size else 0.0
        share = float(np.mean(seen >= top - near)) if seen.size else 0.0
        whole = top in (255.0, _full(values.dtype))
        # an edge that fades out takes many values, too, but of few pixels
        if share >= _OPAQUE_SHARE or (whole and share >= 0.5 and not chosen):
            return replace(self, opaque=top)
        if not seen.size and not chosen:
            return self
        note = _NO_ALPHA.format(self.alpha)
        # where it is 0 all around, GDAL would find nothing to mix
        return replace(self, alpha=None, by_pixel=seen.size < values.size, notes=(*self.notes, note))

    def to_rgb(self, values: npt.NDArray[Any], mask: npt.NDArray[np.uint8] | None) -> tuple[Image8, Mask]:
        """Values as read become a picture.

        Args:
            values: [bands, h, w] in the order of `read_indexes`.
            mask: uint8 [k, h, w] of `masks`, or None.

        Returns:
            uint8 [3, h, w] and bool [h, w].
        """
        picture = values[: len(self.indexes)]
        valid = self._valid(values, mask)
        if self.palette is not None:
            rgba = self.palette[picture[0]]  # [h, w, 4]
            return np.ascontiguousarray(rgba[..., :3].transpose(2, 0, 1)), valid & (rgba[..., 3] >= 128)
        if self.stretch is not None:
            low, high = self.stretch
            with np.errstate(invalid="ignore", over="ignore"):  # of no-data values such as -3.4e38
                scaled = (self._physical(picture) - low) * (255 / (high - low))
            picture = np.rint(np.clip(np.nan_to_num(scaled), 0, 255)).astype(np.uint8)
        elif picture.dtype != np.uint8:
            raise ItemError("unsupported", f"values of type {picture.dtype} need a stretch")
        if self.inverted:
            picture = 255 - picture
        return (np.repeat(picture, 3, axis=0) if len(picture) == 1 else picture), valid

    def values(self, values: npt.NDArray[Any], mask: npt.NDArray[np.uint8] | None) -> npt.NDArray[np.float64]:
        """The valid values of the picture as a stretch counts them, [k]; arguments as of `to_rgb`."""
        _, valid = self.to_rgb(values, mask)
        picture = self._physical(values[: len(self.indexes)])[:, valid].astype(np.float64).ravel()
        finite: npt.NDArray[np.float64] = picture[np.isfinite(picture)]
        return finite

    def _physical(self, picture: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """[bands, h, w] with scale and offset applied, in float32."""
        wide = picture.astype(np.float32)
        if self.factors is None:
            return wide
        scale, offset = np.array(self.factors, np.float32).T[..., None, None]  # [bands, 1, 1] each
        return np.asarray(wide * scale + offset, np.float32)

    def _valid(self, values: npt.NDArray[Any], mask: npt.NDArray[np.uint8] | None) -> Mask:
        """A pixel is invalid where every band of the picture is nodata, or mask or alpha say so."""
        picture = values[: len(self.indexes)]
        valid = np.ones(values.shape[1:], bool)
        # of floats NaN means no data, declared or not
        if set(self.nodata) != {None} or np.issubdtype(picture.dtype, np.floating):
            missing = np.ones(values.shape[1:], bool)
            for band, nodata in zip(picture, self.nodata, strict=True):
                missing &= self._is_nodata(band, nodata)
            valid &= ~missing
        if self.alpha is not None:
            valid &= values[-1] >= self.opaque / 2
        if mask is not None:
            valid &= (mask >= 128).any(axis=0)
        return valid

    def _is_nodata(self, band: npt.NDArray[Any], nodata: float | None) -> Mask:
        floating = np.issubdtype(band.dtype, np.floating)
        found = ~np.isfinite(band) if floating else np.zeros(band.shape, bool)
        if nodata is None or not np.isfinite(nodata):
            return found
        if floating:  # a tag of six digits, or 32 bits beside 64, is not quite what stands in the pixels
            return np.asarray(found | (np.abs(band.astype(np.float64) - nodata) <= _ROUNDING * abs(nodata)))
        if self.tolerance > 0:
            band = band.astype(np.float32)  # else unsigned numbers would wrap around in the difference
        return np.asarray(found | (np.abs(band - nodata) <= self.tolerance if self.tolerance else band == nodata))


_NO_ALPHA = (
    "band {} is called alpha, but is not 0 or opaque as an alpha band is: it hides nothing; where it should, make a "
    "nodata value or a mask of it"
)


def plan_bands(dataset: DatasetReader, options: SourceOptions, told: Sequence[BandFacts] = ()) -> BandPlan:
    """Decide which bands of an open raster make the picture.

    Args:
        dataset: An open raster.
        options: Bands, nodata and scale where somebody says so.
        told: What is known of its bands from elsewhere, for what the file does not say; one each, or none.

    Raises:
        ItemError: The raster has no bands that can be shown.
    """
    told = _of_each(told, dataset)
    colours = colours_of(dataset, told)
    indexes, notes = _picture_bands(dataset, options, colours)
    alpha = next((i for i, colour in enumerate(colours, start=1) if colour in MASKS and i not in indexes), None)
    kind = np.dtype(dataset.dtypes[indexes[0] - 1])
    if kind.kind not in "uif":
        raise ItemError("unsupported", f"{dataset.name}: pixels of type {kind} cannot be shown as a picture")
    palette = _palette(dataset, indexes[0], kind) if options.bands is None else None
    structure = dataset.tags(ns="IMAGE_STRUCTURE")
    lossy = any(name in str(structure.get("COMPRESSION", "")).upper() for name in _LOSSY)
    facts = [told[i - 1] if told else BandFacts() for i in indexes]
    stretch = options.scale if options.scale != "auto" else _stretch(dataset, indexes, kind)
    # a scale that was asked for is one of stored values, as GDAL's own -scale is
    factors = _factors(dataset, indexes, facts) if stretch == UNMEASURED and options.scale == "auto" else None
    nodata = _nodata(dataset, indexes, options, facts)
    unknown = kind != np.uint8 and any(
        own != dataset.nodatavals[i - 1] and own is not None for own, i in zip(nodata, indexes, strict=True)
    )
    flagged = [i for i, as_told in enumerate(dataset.colorinterp, start=1) if as_told == ColorInterp.alpha]
    flags = dataset.mask_flag_enums[indexes[0] - 1]
    return BandPlan(
        indexes=indexes,
        alpha=alpha,
        masks=_masks(indexes, flags),
        nodata=nodata,
        tolerance=float(LOSSY_TOLERANCE) if lossy and kind == np.uint8 else 0.0,
        palette=palette,
        stretch=None if palette is not None else stretch,
        opaque=_full(np.dtype(dataset.dtypes[alpha - 1])) if alpha else 1.0,
        dtype=str(kind),
        span=_span(facts, factors),
        factors=factors,
        inverted=palette is None and _white_is_zero(dataset, indexes[0]),
        by_pixel=unknown or (bool(flagged) and flagged[0] != alpha),
        notes=notes,
    )


def _of_each(told: Sequence[BandFacts], dataset: DatasetReader) -> Sequence[BandFacts]:
    """What is known from elsewhere, one of each band; none where it is not of these bands."""
    if len(told) == 1 and dataset.count > 1:  # the same of all of them
        return [replace(told[0], colour=None)] * dataset.count
    alpha = ColorInterp.alpha
    if len(told) == dataset.count - 1 and alpha in dataset.colorinterp:  # catalogues tend to leave it out
        place = dataset.colorinterp.index(alpha)
        return [*told[:place], BandFacts(), *told[place:]]
    return told if len(told) == dataset.count else ()


def plan_mask(dataset: DatasetReader) -> BandPlan:
    """How a file that says which pixels of a scene can be used is read: only `valid` of what it gives counts.

    Planet's udm2, where the band called clear, or the first of several, is 1; and udm, one band, where no flag is set.

    Raises:
        ItemError: It is of another kind.
    """
    if any(kind != "uint8" for kind in dataset.dtypes):
        raise ItemError("unsupported", f"{dataset.name}: a mask of usable pixels has bytes, not {dataset.dtypes[0]}")
    names = [(name or "").lower() for name in dataset.descriptions]
    palette = np.zeros((256, 4), np.uint8)
    if dataset.count > 1:
        palette[1:, 3] = 255
    else:
        palette[0, 3] = 255
    band = names.index("clear") + 1 if "clear" in names else 1
    return BandPlan((band,), None, [], (None,), 0.0, palette, None, 1.0)


def _masks(indexes: Sequence[int], flags: Sequence[MaskFlags]) -> list[int]:
    """Bands whose masks count; GDAL shows an alpha band as a mask, too, and one of that band alone without any flag."""
    if not flags:
        return [*indexes]
    return [indexes[0]] if MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags else []


def _full(kind: np.dtype[Any]) -> float:
    """The highest value of an integer type; 1 of floats."""
    return float(np.iinfo(kind).max) if kind.kind in "ui" else 1.0


def _palette(dataset: DatasetReader, band: int, kind: np.dtype[Any]) -> npt.NDArray[np.uint8] | None:
    if dataset.colorinterp[band - 1] != ColorInterp.palette or kind not in (np.dtype(np.uint8), np.dtype(np.uint16)):
        return None
    palette = np.zeros((np.iinfo(kind).max + 1, 4), np.uint8)
    table = dataset.colormap(band)
    palette[list(table)] = list(table.values())
    return palette


def _white_is_zero(dataset: DatasetReader, band: int) -> bool:
    """Photometric interpretation MINISWHITE of a TIFF: GDAL tells it by a flag, or by a table from white to black."""
    if dataset.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES":
        return True
    if dataset.count > 1 or dataset.colorinterp[band - 1] != ColorInterp.undefined:
        return False
    try:
        table = dataset.colormap(band)
    except ValueError:  # rasterio's way to say that there is none
        return False
    return bool(table[0][:3] == (255, 255, 255) and table[max(table)][:3] == (0, 0, 0))


def _nodata(
    dataset: DatasetReader, indexes: Sequence[int], options: SourceOptions, facts: Sequence[BandFacts]
) -> tuple[float | None, ...]:
    """One value for each band of the picture: as asked, else as the file says, else as is known from elsewhere."""
    if options.nodata is not None:
        return (options.nodata,) * len(indexes)
    declared = [dataset.nodatavals[i - 1] for i in indexes]
    return tuple(fact.nodata if own is None else own for own, fact in zip(declared, facts, strict=True))


def _stretch(dataset: DatasetReader, indexes: Sequence[int], kind: np.dtype[Any]) -> tuple[float, float] | None:
    """Of 8 bits none, of fewer their range; of any others one that is still to be measured."""
    if kind != np.uint8:
        return UNMEASURED
    bits = min(int(dataset.tags(i, ns="IMAGE_STRUCTURE").get("NBITS", 8)) for i in indexes)
    return (0.0, 2.0**bits - 1) if bits < 8 else None


def _factors(
    dataset: DatasetReader, indexes: Sequence[int], facts: Sequence[BandFacts]
) -> tuple[tuple[float, float], ...] | None:
    """Scale and offset of each band: as the file says, else as is known from elsewhere; None where there are none."""
    none = (1.0, 0.0)
    own = [(dataset.scales[i - 1], dataset.offsets[i - 1]) for i in indexes]
    factors = tuple(
        (1.0 if fact.scale is None else fact.scale, fact.offset or 0.0) if pair == none else pair
        for pair, fact in zip(own, facts, strict=True)
    )
    return None if all(pair == none for pair in factors) else factors


def _span(facts: Sequence[BandFacts], factors: Sequence[tuple[float, float]] | None) -> tuple[float, float] | None:
    """Lowest and highest value of all bands together, with scale and offset applied; None if one has none."""
    ends = []
    for fact, (scale, offset) in zip(facts, factors or ((1.0, 0.0),) * len(facts), strict=True):
        if fact.span is None:
            return None
        ends += [value * scale + offset for value in fact.span]
    return (min(ends), max(ends)) if min(ends) < max(ends) else None


def _picture_bands(
    dataset: DatasetReader, options: SourceOptions, colours: Sequence[str | None]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The bands that make the picture: as asked, else by their colours, else the first three, else the first."""
    if options.bands is not None:
        if max(options.bands) > dataset.count:
            asked = ",".join(map(str, options.bands))
            raise ItemError("bands", f"{dataset.name}: bands {asked} asked for, but it has {dataset.count}")
        return options.bands, ()
    if all(colour in colours for colour in PICTURE):
        return tuple(colours.index(colour) + 1 for colour in PICTURE), ()
    shown = [i for i, colour in enumerate(colours, start=1) if colour not in (*MASKS, "other")]
    # whoever names a mask or a quality layer as imagery gets it
    shown = shown or [i for i, colour in enumerate(colours, start=1) if colour != "alpha"]
    if not shown:
        raise ItemError("unsupported", f"{dataset.name}: it has no band but alpha")
    if "pan" in colours and len(shown) < 4:
        return (colours.index("pan") + 1,), ()
    seen = [i for i in shown if colours[i - 1] in (None, *PICTURE)]
    best = seen if len(seen) >= 3 else shown  # near-infrared and the like only where there is nothing else
    chosen = tuple(best[:3]) if len(best) >= 3 else (best[0],)
    if len(shown) == 1:
        return chosen, ()
    named = ", ".join(f"{i} {colour}" for i, colour in enumerate(colours, start=1) if colour) or "none of them"
    return chosen, (
        f"showing bands {','.join(map(str, chosen))} of {dataset.count}, because the file does not say which are red, "
        f"green and blue (named: {named}); choose others with --bands",
    )
