"""Images that say where they lie by ground control points or by a camera's rational polynomials (RPC).

GDAL lays them out as they are read; here stands how. A camera needs the height of the ground: taken is the one that it
was fitted around, a plane, so that what lies higher or lower is off where it looks aslant.
"""

from typing import Any

import numpy as np
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT

from trainer.errors import ItemError


class LaidOut(WarpedVRT):  # type: ignore[misc]
    """An open image, laid out; in all else what it was.

    Args:
        image: The open image, see `needs_layout`; it is closed with this.

    Attributes:
        plane_m: Height above the ellipsoid of the plane that it lies on, metres; None for ground control points.
    """

    def __init__(self, image: DatasetReader) -> None:
        self._image = image
        points, crs = image.gcps
        self.plane_m: float | None = None
        how: dict[str, Any] = {"crs": crs, "src_crs": crs}
        if not (points and crs):
            self.plane_m = float(image.rpcs.height_off)
            how = {"crs": "EPSG:4326", "src_crs": "EPSG:4326", "rpc_height": self.plane_m}
        # what lies beyond the image is no imagery: it is to have a mask, where it has no other way to say so
        bare = image.nodata is None and ColorInterp.alpha not in image.colorinterp
        if bare and np.issubdtype(image.dtypes[0], np.floating):
            how |= {"src_nodata": np.nan, "nodata": np.nan}  # floats have it of their own
            bare = False
        # numbers of colours cannot be mixed
        mixing = Resampling.nearest if ColorInterp.palette in image.colorinterp else Resampling.bilinear
        super().__init__(image, add_alpha=bare, resampling=mixing, **how)

    @property
    def name(self) -> str:
        """The image's own."""
        return str(self._image.name)

    @property
    def files(self) -> list[str]:
        """The image's own."""
        return list(self._image.files)

    def tags(self, *arguments: Any, **options: Any) -> dict[str, str]:
        """The image's own."""
        return dict(self._image.tags(*arguments, **options))

    def close(self) -> None:
        """Closes the image too."""
        super().close()
        self._image.close()


def needs_layout(image: DatasetReader) -> bool:
    """Whether an image has no transform, but points or polynomials."""
    if not image.transform.is_identity:
        return False
    points, crs = image.gcps
    return bool(points and crs) or image.rpcs is not None


def laid_out(image: DatasetReader) -> LaidOut:
    """An open image, laid out; where that cannot be done, it is closed.

    Raises:
        ItemError: Its points or polynomials lead nowhere.
    """
    try:
        return LaidOut(image)
    except (RasterioError, CPLE_BaseError, ValueError) as error:
        image.close()
        raise ItemError(
            "bad_georeference", f"{image.name}: its control points or RPC do not say where it lies ({error})"
        ) from error
