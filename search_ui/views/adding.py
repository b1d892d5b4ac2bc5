"""Adding imagery: where it lies, which model looks at it, and before any work what it would take.

It does not know how tiles are made; it asks the ingest for them and leaves the work to `search_ui.service.background`.
"""

from dataclasses import dataclass

import streamlit as st

from ingest.catalog.names import check_name
from ingest.geo.area import parse_date
from ingest.geo.grid import Grid
from ingest.jobs.request import Request
from ingest.opening import source_location
from ingest.sources.source import SourceOptions
from search_ui.maps.previews import Pictured
from search_ui.service.brought.estimates import IngestEstimate, estimate
from search_ui.service.brought.kept_files import IMAGERY, MAX_MB, keep_imagery
from search_ui.service.place_list import say_place
from search_ui.service.service import Service
from search_ui.views import words
from search_ui.views.adding_models import small_model
from search_ui.views.app_words import told
from search_ui.views.panels.asking import notice
from search_ui.views.previewing import preview_pane
from search_ui.views.work import bring, say_span
from trainer.errors import GroundcastError, UsageError

ADDING = "adding"
"""Of the session: whether the form is open."""


@dataclass(frozen=True)
class _Form:
    """What the form says."""

    source: str
    collection: str
    model: str
    tile_m: float
    place: str
    acquired: str
    credit: str
    nodata: str
    bands: str
    queue: bool

    def request(self, service: Service) -> Request:
        return Request(
            kind="tiles",
            collection=check_name(self.collection or "preview"),  # which needs none
            source=self.source,
            grid=Grid(size_m=self.tile_m, stride_m=self.tile_m),
            area=service.place(self.place).area if self.place else None,
            options=SourceOptions(
                bands=_bands(self.bands) if self.bands else None,
                nodata=_number(self.nodata) if self.nodata else None,
                acquired_at=parse_date(self.acquired) if self.acquired else None,
                attribution=self.credit or None,
                allowed_hosts=service.settings.allowed_hosts if self.is_url else None,
            ),
        )

    @property
    def is_url(self) -> bool:
        """Whether another machine is to be read, which the settings must allow."""
        return "://" in self.source

    def arguments(self) -> list[str]:
        """Of the command line; every value follows an equals sign, so that none can be taken for an option."""
        told = [f"--collection={self.collection}", f"--tile-size-m={self.tile_m:g}", f"--model={self.model}"]
        told += [f"--nodata={self.nodata}"] if self.nodata else []
        told += [f"--bands={self.bands}"] if self.bands else []
        told += [f"--place={self.place}"] if self.place else []
        told += [f"--acquired-at={self.acquired}"] if self.acquired else []
        told += [f"--attribution={self.credit}"] if self.credit else []
        told += ["--through-app"] if self.is_url else []
        told += ["--queue"] if self.queue else []
        return ["ingest", *told, "--", self.source]


def add_imagery(service: Service) -> None:
    """The form, the estimate, and the start."""
    models = [model.name for model in service.catalog.models()]
    if not models:
        st.info("There is no model here yet that could look at imagery.")
        small_model(service)
        return
    source = _source(service)
    left, middle, right = st.columns(3)
    name = left.text_input("Name of the collection", key="add name", placeholder="town-2024")
    model = middle.selectbox("Model", models, key="add model", help="The model that looks at the tiles.")
    tile_m = right.number_input(
        "Side of a tile, metres", 5.0, 5_000.0, 480.0, 10.0, format="%g", key="add tile", help=words.TILE
    )  # fmt: skip
    left, middle, right = st.columns(3)
    place = left.text_input(
        "Only this place", key="add place", placeholder="optional: town, country or 27.63, 85.52, 5 km",
        help="Needed for a tile server, which does not say where it has imagery.",
    )  # fmt: skip
    acquired = middle.text_input(
        "Taken on", key="add date", placeholder="optional: 2024-06-30", help="Where the files do not say it. UTC."
    )
    credit = right.text_input("Credit", key="add credit", placeholder="optional: who is to be named")
    left, right, _ = st.columns(3)
    nodata = left.text_input(
        "Value of no data", key="add nodata", placeholder="optional: 255 for white, 0 for black", help=words.NODATA
    )
    bands = right.text_input(
        "Bands as red, green, blue", key="add bands", placeholder="optional: 4, 3, 2", help=words.BANDS
    )
    queue = service.settings.redis_url is not None and st.toggle(
        "Leave the work to the workers", True, key="add queue", help=words.WORKERS
    )
    form = _Form(
        source, name.strip(), model, tile_m, place.strip(), acquired.strip(), credit.strip(), nodata.strip(),
        bands.replace(" ", ""), queue,
    )  # fmt: skip
    if not form.source:
        st.caption("Say where the imagery lies; a preview then shows what would be read of it.")
        return
    if form.place and not _say_place(service, form.place):
        return
    try:
        request = form.request(service)
        preview = preview_pane(service, request, form.model, _leave_out)
        if not form.collection:
            st.caption("Say how to call the collection; then see what it would take.")
        elif preview.pictured is not None:
            _estimated(service, form, request, preview.pictured)
        elif preview.too_much:
            _may_start(service, form)
    except GroundcastError as error:
        st.error(told(error))


def _estimated(service: Service, form: _Form, request: Request, seen: Pictured) -> None:
    """What it would take, when that is asked for, and then the start."""
    if st.button("See what it would take", icon=":material/timer:", key="estimate"):
        with st.spinner("Trying the tiles of the preview …", show_time=True):
            st.session_state["estimated"] = (form, estimate(service.settings, request, form.model, seen))
    known = st.session_state.get("estimated")
    # the estimate is of this very form: a changed one is estimated anew before it can be started
    if known is not None and known[0] == form:
        _show(known[1])
        _may_start(service, form)


def _may_start(service: Service, form: _Form) -> None:
    if service.settings.redis_url is None:
        st.caption(words.NO_WORKERS)
    st.button(
        "Start", type="primary", icon=":material/play_arrow:", key="start ingest", on_click=_start, args=(service, form)
    )  # fmt: skip


def _leave_out(value: int) -> None:
    """A callback: the form's box must be set before it is shown."""
    st.session_state["add nodata"] = str(value)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"value of no data {text!r}: give a number, such as 255 for white") from None


def _bands(text: str) -> tuple[int, int, int]:
    numbers = [int(one) for one in text.split(",") if one.isdecimal()]
    if len(numbers) != 3 or text.count(",") != 2:
        raise UsageError(f"bands {text!r}: give three numbers from 1 on, with commas between, such as 3, 2, 1")
    return numbers[0], numbers[1], numbers[2]


def _show(found: IngestEstimate) -> None:
    tiles, took, gsd = st.columns(3)
    tiles.metric("Tiles", f"{found.tiles:,}", help=words.TILE)
    took.metric(
        "Time on this machine", "unknown" if found.seconds is None else f"about {say_span(found.seconds)}",
        help="From the pace of the preview's tiles, read and embedded just now.",
    )  # fmt: skip
    gsd.metric("A pixel shows", "unknown" if found.gsd_m is None else f"{found.gsd_m:.2g} m", help=words.GSD)
    if found.bounds is not None:
        west, south, east, north = found.bounds
        st.caption(f"The imagery reaches from {say_place(south, west)} to {say_place(north, east)}.")
    for warning in found.warnings:
        st.warning(told(warning))


def _start(service: Service, form: _Form) -> None:
    """A callback: the form closes, so that the work, which stands above it, is in sight."""
    try:
        service.require_writable()
        name, title = f"ingest-{form.collection}", f"Imagery into {form.collection}"
        bring(service, name, title, form.arguments(), form.collection)
    except GroundcastError as error:
        notice(told(error))
        return
    st.session_state["estimated"] = None
    st.session_state[ADDING] = False


def _source(service: Service) -> str:
    """The address of the imagery: a path or URL, or an upload that was kept."""
    how = st.segmented_control(
        "Where is it?", ["Path or URL", "Upload"], default="Path or URL", key="how", required=True
    )
    if how == "Path or URL":
        text = st.text_input(
            "Path on the server's machine, or URL", key="add source",
            placeholder="/data/orthophoto.tif · https://…/{z}/{x}/{y}.png · https://…/town.pmtiles",
        )  # fmt: skip
        return source_location(text.strip()) if text.strip() else ""
    file = st.file_uploader("GeoTIFF, MBTiles or PMTiles", IMAGERY, key="add file", max_upload_size=MAX_MB)
    if file is None:
        return ""
    try:
        service.require_writable()
        return str(keep_imagery(service.settings.home, file.name, file.getbuffer()))
    except GroundcastError as error:
        st.error(told(error))
        return ""


def _say_place(service: Service, text: str) -> bool:
    """What the place is taken for, and how else it could be meant, or that none is known; whether one is."""
    try:
        found = service.place(text)
    except GroundcastError as error:
        st.error(told(error))
        return False
    others = f" If another is meant, write it so: {'; '.join(found.choices[1:])}" if found.choices else ""
    st.caption(f"Only {found.says}.{others}")
    return True
