"""The JavaScript and styles that lie beside this module, as text: nothing is fetched from anywhere."""

from functools import cache
from importlib.resources import files


@cache
def asset(*names: str) -> str:
    """Files of this folder, one after the other."""
    folder = files("search_ui.components")
    return "\n".join(folder.joinpath(name).read_text("utf-8") for name in names)
