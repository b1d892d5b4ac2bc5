"""The fixed frame of the search page, as styles: the question above, the map on the left, a panel on the right.

The page does not scroll, the panel does; on a phone the map lies above the panel. Containers are known by their keys.
"""

from search_ui.components.assets import asset

ASK, ASKED, TOLD, FRAME = "gc-ask", "gc-asked", "gc-told", "gc-frame"
LEFT, VIEWS, MAP, MOMENTS = "gc-left", "gc-views", "gc-map", "gc-moments"
RIGHT, PANEL, CONTROLS, ABOUT = "gc-right", "gc-panel", "gc-controls", "gc-about"


def style() -> str:
    """The styles, as HTML."""
    return f"<style>{asset('frame.css')}</style>"
