"""Open raster files, lent to one thread at a time and kept open for the next, in a bounded number.

A GDAL dataset must not be used by two threads at once, and opening one costs as much as reading a tile. It does not
know what is read.
"""

import itertools
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.errors import CRSError, RasterioError
from rasterio.io import DatasetReader

from ingest.sources.rasters.controlpoints import laid_out, needs_layout
from ingest.sources.rasters.libjpeg import damage_is_an_error
from ingest.sources.rasters.reach import DRIVERS, is_vrt, names_nothing_beyond, own_reach
from ingest.sources.rasters.vrt import VrtReader
from ingest.sources.references import Bounds, bounds_of
from trainer.errors import SourceError

CACHE_BYTES = 128 * 2**20  # decoded blocks kept by GDAL; rasterio takes bytes here, not megabytes
# of a broken file: GDAL's own where rasterio passes them on, such as of tags, and the last where GDAL quotes bytes of
# it in its message that are not UTF-8
GDAL_ERRORS = (RasterioError, CRSError, CPLE_BaseError, OSError, UnicodeDecodeError)
_SERIALS = itertools.count()  # of VRTs opened by this process
_CONFIG = {
    "GDAL_CACHEMAX": CACHE_BYTES,
    "GDAL_ERROR_ON_LIBJPEG_WARNING": "TRUE",  # half a JPEG is an error, not a half grey picture
    "GDAL_HTTP_TIMEOUT": "30",
    "GDAL_HTTP_CONNECTTIMEOUT": "15",
    "GDAL_HTTP_MAX_RETRY": "4",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_HTTP_MULTIRANGE": "YES",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_USERAGENT": "groundcast",
    "VSI_CACHE": "TRUE",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    # these ask other machines, by what stands in any file; heeded where GDAL has not been started before
    "GDAL_SKIP": "HTTP WMS WMTS WCS DAAS EEDA EEDAI PLMOSAIC STACIT STACTA GTI",
}


def gdal_session() -> rasterio.Env:
    """GDAL with our settings, for the calling thread, to be used in ``with``."""
    return rasterio.Env(**_CONFIG)


class HandlePool:
    """Open datasets by path.

    Args:
        max_idle: How many files stay open while nobody reads them.
        bounds: Where what the files name may lie; None: in the folder of each.
    """

    def __init__(self, max_idle: int = 64, bounds: Bounds | None = None) -> None:
        self._max_idle = max_idle
        self._bounds = bounds
        self._unusable: dict[str, frozenset[str]] = {}
        self._idle: OrderedDict[tuple[str, int, int], DatasetReader] = OrderedDict()  # by path, serial, thread
        self._lock = threading.Lock()
        self._serial = 0
        self._closed = False

    def bounds(self, path: str) -> Bounds:
        """Where what a file names may lie."""
        return (self._bounds or bounds_of(path, allowed_hosts=None)).seen_from(path)

    def set_aside(self, path: str, sources: Iterable[str]) -> None:
        """Of a VRT, sources that are no rasters of a kind that is read: GDAL, which knows more kinds, is not to try."""
        self._unusable[path] = frozenset(sources)

    @contextmanager
    def lease(self, path: str) -> Iterator[DatasetReader]:
        """Lend an open dataset to the calling thread; after an error inside it is closed, not kept.

        Raises:
            ItemError: It names files that lie where they may not.
            SourceError: Its source is closed.
        """
        with gdal_session(), own_reach(path):
            dataset = self._take(path)
            try:
                with damage_is_an_error():
                    yield dataset
            # whatever state it is in, nobody gets it again
            except BaseException:
                dataset.close()
                raise
            self._keep(path, dataset)

    def close(self) -> None:
        """Close what is idle; what is lent is closed when it comes back."""
        with self._lock:
            self._closed = True
            idle, self._idle = list(self._idle.values()), OrderedDict()
        for dataset in idle:
            dataset.close()

    def _take(self, path: str) -> DatasetReader:
        with self._lock:
            if self._closed:
                raise SourceError(f"{path}: its source is closed")
            mine = threading.get_ident()  # its blocks are in the cache for the places this thread reads
            keys = [key for key in self._idle if key[0] == path]
            if keys:
                # one of this thread's first, then the one used last
                return self._idle.pop(max(keys, key=lambda key: (key[2] == mine, key[1])))
        dataset = self._open(path)
        return laid_out(dataset) if needs_layout(dataset) else dataset

    def _open(self, path: str) -> DatasetReader:
        bounds = self.bounds(path)
        if is_vrt(path):
            return VrtReader(path, next(_SERIALS), bounds, self._unusable.get(path, frozenset()))
        if path.startswith("/vsi"):
            with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):  # no listing of a web server
                dataset = DatasetReader(path, driver=list(DRIVERS), sharing=False)
        else:
            # with sharing GDAL would give two callers the same dataset; rasterio.open takes one driver only
            dataset = DatasetReader(path, driver=list(DRIVERS), sharing=False)
        return names_nothing_beyond(dataset, bounds)

    def _keep(self, path: str, dataset: DatasetReader) -> None:
        surplus = []
        with self._lock:
            if self._closed:
                surplus.append(dataset)
            else:
                self._serial += 1
                self._idle[path, self._serial, threading.get_ident()] = dataset
                while len(self._idle) > self._max_idle:
                    surplus.append(self._idle.popitem(last=False)[1])
        for old in surplus:
            old.close()
