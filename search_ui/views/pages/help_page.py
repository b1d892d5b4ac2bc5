"""What the numbers mean, and how to ask: the page behind every question mark."""

import streamlit as st

from search_ui.views import words

_NUMBERS = (
    ("Relevance", words.RELEVANCE),
    ("Cosine", words.COSINE),
    ("Month and hour", words.MOMENT),
    ("Difference", words.DIFFERENCE),
    ("Calendar", words.CALENDAR),
    ("Best moment", words.BEST_MOMENT),
    ("Weights", words.WEIGHT),
    ("Area", words.AREA),
    ("Imagery dates", words.DATES),
    ("Ground photos", words.PHOTOS),
    ("Tile", words.TILE),
    ("A pixel shows", words.GSD),
)


def help_page() -> None:
    """Show the page."""
    st.title("What the numbers mean")
    for name, text in _NUMBERS:
        st.markdown(f"**{name}**  \n{text}")
    st.header("How to ask")
    st.markdown(
        "- Say what somebody standing there would see: “a market with many stalls”, not “commercial area”.\n"
        "- **Refine** adds words (+) and takes words away (−), each with a weight.\n"
        "- **Picture** finds places like a ground photo or like an overhead picture.\n"
        "- **Area** takes a place by name, a GeoJSON or KML file, or a shape drawn on the map.\n"
        "- The thumbs beside a place steer the next answer.\n"
        "- In the list, the arrow keys go from place to place, Enter opens one. On the map the arrow keys move, "
        "+ and − zoom.\n"
        "- The address of the page holds the whole question: copy it to share what you see."
    )
    st.header("What to be careful about")
    st.markdown(
        "The model predicts what is usually seen at such a place; it has seen neither the place from the ground nor "
        "the day you ask about. “Nothing here” is an answer. A picture of the ground beside a tile shows what it is "
        "most like, and says how far from the tile it was taken."
    )
