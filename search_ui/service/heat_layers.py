"""The heat maps that pages show, by a short name: so a map asks for their tiles without the question in each address.

The name says all that the colours depend on, so a browser may keep what it got. What a layer shows is worked out when
its first tile is asked for. It does not know what is drawn.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from search_ui.maps.heatmap import HeatValues
from search_ui.search.recent import Recent
from trainer.errors import LapsedError

_LAYERS, _LAYERS_BYTES, _BYTES = 4_000, 256 * 2**20, 96 * 2**20


@dataclass(frozen=True)
class HeatLayer:
    """A heat map that was shown.

    Attributes:
        collection: Of its tiles.
        make: Works its values out.
        nbytes: What it holds for that.
    """

    collection: str
    make: Callable[[], HeatValues]
    nbytes: int = 0


class HeatLayers:
    """Keeps them. May be used from several threads."""

    def __init__(self) -> None:
        self._layers: Recent[HeatLayer] = Recent(_LAYERS, max_bytes=_LAYERS_BYTES)
        self._values: Recent[HeatValues] = Recent(64, max_bytes=_BYTES)

    def keep(self, collection: str, key: str, make: Callable[[], HeatValues] | HeatValues) -> str:
        """Keep a layer; returns its name.

        Args:
            collection: Of its tiles.
            key: Says everything that its colours depend on.
            make: Works its values out; or the values.
        """
        name = hashlib.sha256(f"{collection}\n{key}".encode()).hexdigest()[:24]

        def layer() -> HeatLayer:
            if isinstance(make, HeatValues):
                return HeatLayer(collection, lambda: make, make.values.nbytes)
            return HeatLayer(collection, make)

        self._layers.get(name, layer, size=lambda kept: kept.nbytes)
        return name

    def find(self, name: str) -> HeatLayer:
        """The layer of a name.

        Raises:
            LapsedError: It was shown too long ago, or before this server was started.
        """

        def missing() -> HeatLayer:
            raise LapsedError(f"no map {name[:40]!r} is shown any more: load the page anew")

        return self._layers.get(name, missing)

    def values(self, name: str) -> HeatValues:
        """What a layer shows.

        Raises:
            LapsedError: See `find`.
        """
        layer = self.find(name)
        return self._values.get(name, layer.make, size=lambda heat: heat.values.nbytes + heat.places.lat.nbytes)
