"""A plugin of QGIS: hits and scores of a groundcast server as layers. QGIS and its own Python are all that it needs.

In reading order: question (what is asked), client (the server), layers (what is added to the map), dock (where a person
asks), plugin (what QGIS starts).
"""


def classFactory(iface):  # noqa: N802 - the name that QGIS calls
    """The plugin, for QGIS."""
    from .plugin import GroundcastPlugin

    return GroundcastPlugin(iface)
