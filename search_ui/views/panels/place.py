"""One place: its picture from above, what is known of it, what one would see there in words and as ground photos.

It does not know how it was found.
"""

from dataclasses import replace

import streamlit as st

from search_ui.ground.contact_sheet import say_credit, say_taken, say_where
from search_ui.ground.view import GroundQuery, GroundView, PhotoHit
from search_ui.search.feedback import NOTHING_SAID, Feedback
from search_ui.search.likeliest import say_not_now
from search_ui.search.query import Query
from search_ui.search.relevance.calibration import WEAK, grade
from search_ui.service.place_list import say_place, title_of
from search_ui.service.service import Service, Shown, TileFacts
from search_ui.views import frame, pieces, words
from search_ui.views.app_words import told
from search_ui.views.map.backdrop import chip_url, photo_url
from search_ui.views.map.moment_bar import second_moment
from search_ui.views.panels.in_time import TWO
from search_ui.views.panels.in_words import at_the_moment, in_words, through_the_year
from search_ui.views.panels.photo_time import when_taken
from search_ui.views.state.address import change, held, value
from search_ui.views.state.question import say_when, when_of
from trainer.encoding import When
from trainer.errors import GroundcastError

_CHIP_PX = 512


def place_panel(service: Service, shown: Shown, query: Query | None, said: Feedback = NOTHING_SAID) -> None:
    """Everything about the tile that is open."""
    if not value("tile"):
        st.caption("Click on the map, or on a place of the list, to see what one would see there.")
        return
    tile = service.tile(shown.name, value("tile"))
    lat, lon = tile.footprint.lat, tile.footprint.lon
    with st.container(key=frame.ABOUT):
        head, close = st.columns([5, 1.7], vertical_alignment="center")
        head.markdown(f"#### {pieces.as_words(title_of(tile.near, lat, lon))}")
        close.button(
            "Back", icon=":material/arrow_back:", key="back", width="stretch", on_click=change,
            kwargs={"tile": "", "panel": "places"},
        )  # fmt: skip
        left, right = st.columns([1, 1.6])
        with left:
            if shown.pictures:
                pieces.chip(chip_url(shown.name, tile.tile_id, _CHIP_PX), _alt(tile), tile.footprint.size_m)
            else:
                st.caption("No picture: vectors were brought here, and no imagery.")
        with right:
            if query is not None:
                _score(service, shown, query, tile.tile_id, said)
            sentence = st.container()
    _ground(service, shown, tile)
    with sentence:  # last: it takes longer to make than the photos, which are there meanwhile
        in_words(service, shown, tile.tile_id)
    _facts(tile)
    then = {"like": tile.tile_id, "q": "", "tile": "", "plus": [], "minus": [], "image": "", "up": [], "down": []}
    st.button(
        "Similar places", icon=":material/travel_explore:", on_click=change, kwargs=then | {"panel": "places"},
        key="similar", help="Search for tiles whose predicted ground scene is like this one's.",
    )  # fmt: skip
    through_the_year(service, shown, tile.tile_id)
    when_taken(service, shown, tile.tile_id)


def _alt(tile: TileFacts) -> str:
    return f"Overhead picture of tile {tile.tile_id}, {tile.footprint.size_m:.0f} m wide, north up"


def _score(service: Service, shown: Shown, query: Query, tile: str, said: Feedback) -> None:
    """How likely the question is here, at its moment."""
    # a tile that was opened on the map may lie outside the question's area or dates: it has a score all the same
    scores = service.scores(shown.name, replace(query, area=None, acquired_from=None, acquired_to=None), said)
    if tile not in scores.tile_id:
        return
    row = scores.tile_id.index(tile)
    relevance, cosine = float(scores.relevance[row]), float(scores.cosine[row])
    st.markdown(
        f"{pieces.badge(grade(relevance), relevance)} for the question · {say_when(query.when)} · cosine {cosine:.3f}",
        unsafe_allow_html=True,
        help=f"{words.RELEVANCE} {words.COSINE}",
    )
    judged = service.judged(shown.name, query, tile)
    likeliest = judged.likeliest() if judged.place[0] >= WEAK else None
    if likeliest is not None:
        told = say_not_now(likeliest) if judged.not_now[0] else f"likeliest {likeliest}"
        st.caption(f"{told[0].upper()}{told[1:]}; then up to {judged.place[0]:.2f}.", help=words.LIKELIEST)


def _facts(tile: TileFacts) -> None:
    footprint = tile.footprint
    gsd = None if tile.gsd_m is None else f"{footprint.size_m:g} m wide, {tile.gsd_m:.2g} m a pixel"
    pieces.facts(
        [
            ("Place", say_place(footprint.lat, footprint.lon)),
            ("Imagery of", "unknown date" if tile.acquired_at is None else f"{tile.acquired_at:%Y-%m-%d %H:%M} UTC"),
            ("Tile", gsd or f"{footprint.size_m:g} m wide"),
            ("Source", tile.source),
            ("Credit", tile.attribution or "the source names nobody"),
        ]
    )
    st.caption(" · ".join(f"[{name}]({url})" for name, url in elsewhere(footprint.lat, footprint.lon).items()))


def elsewhere(lat: float, lon: float) -> dict[str, str]:
    """Addresses of a place on maps of others, by their names; they open when they are clicked on."""
    at = f"{lat:.6f},{lon:.6f}"
    google = "https://www.google.com/maps/@?api=1&map_action="
    return {
        "OpenStreetMap": f"https://www.openstreetmap.org/?mlat={lat:.6f}&mlon={lon:.6f}#map=16/{lat:.5f}/{lon:.5f}",
        "Google Maps": f"{google}map&center={at}&zoom=17&basemap=satellite",
        "Street View": f"{google}pano&viewpoint={at}",
    }


def _ground(service: Service, shown: Shown, tile: TileFacts) -> None:
    """The nine photos, and nine for a second moment beside them."""
    if not shown.words:  # no photo can be compared with its vectors
        return
    galleries = [name for name, one in service.named_galleries().items() if one.model_id == shown.model_id]
    if not galleries:
        st.info(
            "No ground photos of this model are here yet. Whoever runs this server brings photos in; then this place "
            "shows the nine most like it."
        )
        return
    usual = shown.gallery if shown.gallery in galleries else galleries[0]
    if len(galleries) > 1:
        # a link, or another collection, may name a gallery of another model
        if value("gallery") not in galleries:
            change(gallery=usual)
        st.selectbox("Ground photos from", galleries, **held("gallery"))
    gallery = value("gallery") if value("gallery") in galleries else usual
    first = when_of("month", "hour")
    st.markdown(f"**What one would see on the ground** · {say_when(first)}", help=words.PHOTOS)
    if not shown.knows_time:
        _photos(service, shown, tile.tile_id, gallery, first)
        return
    if not st.toggle("Beside it a second moment", **held("beside"), help=words.MOMENT):
        _photos(service, shown, tile.tile_id, gallery, first)
        return
    if value("view") not in TWO:  # else it stands below the map
        second_moment(shown)
    for column, when in zip(st.columns(2), (first, when_of("month2", "hour2")), strict=True):
        with column:
            st.markdown(f"**{say_when(when)}**")
            at_the_moment(service, shown, tile.tile_id, when)
            _photos(service, shown, tile.tile_id, gallery, when)


def _photos(service: Service, shown: Shown, tile: str, gallery: str, when: When) -> None:
    try:
        view: GroundView = service.look(shown.name, GroundQuery(tile_id=tile, when=when), gallery)
    except GroundcastError as error:
        st.warning(told(error))
        return
    if view.note:
        st.caption(told(view.note))
    if not view.hits:
        return
    pieces.photos([_picture(gallery, hit) for hit in view.hits])
    pieces.credit(f"The most alike of {view.candidates:,} photos in gallery {gallery}", "photos belong to their owners")


def _picture(gallery: str, hit: PhotoHit) -> pieces.PictureCard:
    return pieces.PictureCard(
        url=photo_url(gallery, hit.photo_id, 320),
        alt=f"Ground photo {hit.rank}, {say_taken(hit)}, {say_where(hit)}",
        lines=(f"cosine {hit.cosine:.3f}", say_where(hit), say_taken(hit), say_credit(hit)),
        here=bool(hit.here),
    )
