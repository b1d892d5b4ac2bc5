"""What is asked, and the parameters that say it to a server. Imports nothing of QGIS."""

from __future__ import annotations  # QGIS 3.22 comes with Python 3.9 on Windows

from dataclasses import dataclass
from urllib.parse import quote, urlencode

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True)
class Question:
    """A question to one collection.

    Attributes:
        collection: Its id; a saved search (`search:…`) or a set of labels (`labels:…`) asks nothing more.
        text: What one would see there; empty: all that the collection holds.
        month: 1 to 12; None: any.
        hour: 0 to 23, wall-clock time at the place; None: any.
        year: Of the month.
        least: Only hits of at least this relevance, 0..1.
        box: West, south, east and north in degrees; None: everywhere.
    """

    collection: str
    text: str = ""
    month: int | None = None
    hour: int | None = None
    year: int = 2025
    least: float = 0.1
    box: tuple[float, float, float, float] | None = None

    @property
    def own(self) -> bool:
        """Whether the collection has a question of its own."""
        return ":" in self.collection

    @property
    def when(self) -> str:
        """The moment as the server reads it; empty: any time."""
        if self.month is None:
            return "" if self.hour is None else f"T{self.hour:02}"
        month = f"{self.year:04}-{self.month:02}"
        return month if self.hour is None else f"{month}T{self.hour:02}"

    def of_hits(self) -> str:
        """Parameters of its features, as in an address."""
        return self._parameters(f"{self.least:g}")

    def of_scores(self) -> str:
        """Parameters of its map: tiles of any relevance are drawn."""
        return self._parameters("")

    def says(self) -> str:
        """The name of its layers."""
        moment = ", ".join(filter(None, (
            "" if self.month is None else MONTHS[self.month - 1], "" if self.hour is None else f"{self.hour} h",
        )))  # fmt: skip
        return " · ".join(filter(None, (self.text.strip() or self.collection, moment)))

    def _parameters(self, least: str) -> str:
        told = {}
        if not self.own and self.text.strip():
            told = {"q": self.text.strip(), "when": self.when, "min_relevance": least}
        if self.box is not None and (told or not self.own):
            west, south, east, north = (f"{side:.6f}" for side in self.box)
            corners = f"{west} {south},{east} {south},{east} {north},{west} {north},{west} {south}"
            told["wkt"] = f"POLYGON(({corners}))"
        return urlencode({name: value for name, value in told.items() if value}, quote_via=quote)
