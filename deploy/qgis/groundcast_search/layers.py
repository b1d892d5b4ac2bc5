"""What is added to the map: hits as a vector layer by OGC API Features, scores as tiles below; and how they look."""

from urllib.parse import quote

from qgis.core import (
    QgsCategorizedSymbolRenderer,
    QgsDataSourceUri,
    QgsFillSymbol,
    QgsGraduatedSymbolRenderer,
    QgsMarkerSymbol,
    QgsRasterLayer,
    QgsRectangle,
    QgsRendererCategory,
    QgsRendererRange,
    QgsSingleSymbolRenderer,
    QgsVectorLayer,
)

# relevance from and to, word, colour: the grades of every answer of groundcast
GRADES = (
    (0.71, 1.0, "strong", "#fde725"), (0.35, 0.71, "possible", "#35b779"), (0.1, 0.35, "weak", "#31688e"),
    (0.0, 0.1, "nothing", "#a0a0a0"),
)  # fmt: skip
VERDICTS = (("yes", "#1a9850"), ("no", "#d73027"), ("unsure", "#fdae61"))
_LAST_ZOOM = 22


def hits_layer(client, question):
    """The features that answer a question, which QGIS loads from one address.

    Args:
        client: The server.
        question: What is asked.
    """
    uri = QgsDataSourceUri()
    query = question.of_hits()
    uri.setParam("url", f"{client.address}/ogc?{query}" if query else f"{client.address}/ogc")
    uri.setParam("typename", question.collection)
    uri.setParam("pagingEnabled", "true")
    if client.authcfg:
        uri.setAuthConfigId(client.authcfg)
    layer = QgsVectorLayer(uri.uri(False), question.says(), "OAPIF")
    if layer.isValid():
        _style(layer)
        _tip(layer, client, question.collection)
    return layer


def tiles_layer(client, question, tileset):
    """The map of a question as tiles: its scores, or imagery where nothing is asked.

    Args:
        client: The server.
        question: What is asked.
        tileset: The document of its tile set, OGC API Tiles.
    """
    item = next(link for link in tileset["links"] if link["rel"] == "item")["href"]
    for ours, theirs in (("{tileMatrix}", "{z}"), ("{tileRow}", "{y}"), ("{tileCol}", "{x}")):
        item = item.replace(ours, theirs)
    limits = tileset.get("tileMatrixSetLimits") or [{"tileMatrix": _LAST_ZOOM}]
    last = max(int(one["tileMatrix"]) for one in limits)
    uri = f"type=xyz&url={quote(item, safe=':/')}&zmin=0&zmax={last}"
    if client.authcfg:
        uri += f"&authcfg={client.authcfg}"
    layer = QgsRasterLayer(uri, f"{question.says()}: {tileset['title'].rpartition(': ')[2]}", "wms")
    if credit := tileset.get("attribution"):
        metadata = layer.metadata()
        metadata.setRights([credit])
        layer.setMetadata(metadata)
    return layer


def extent_of(layer):
    """The box round the features of a layer, in its reference system; empty where it has none. Reads all of them."""
    box = QgsRectangle()
    box.setMinimal()
    for feature in layer.getFeatures():
        box.combineExtentWith(feature.geometry().boundingBox())
    return box


def _style(layer):
    names = [field.name() for field in layer.fields()]
    if "relevance" in names:
        ranges = [
            QgsRendererRange(least, most, _fill(colour), f"{word}, from {least:g}")
            for least, most, word, colour in GRADES
        ]
        layer.setRenderer(QgsGraduatedSymbolRenderer("relevance", ranges))
    elif "label" in names:
        kinds = [QgsRendererCategory(word, _dot(colour), word) for word, colour in VERDICTS]
        layer.setRenderer(QgsCategorizedSymbolRenderer("label", kinds))
    else:
        layer.setRenderer(QgsSingleSymbolRenderer(_fill("#ffffff", "0")))


def _fill(colour, opacity="130"):
    rgb = ",".join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))
    return QgsFillSymbol.createSimple(
        {"color": f"{rgb},{opacity}", "outline_color": rgb, "outline_width": "0.5", "outline_style": "solid"}
    )


def _dot(colour):
    return QgsMarkerSymbol.createSimple({"color": colour, "outline_color": "#ffffff", "size": "2.6"})


def _tip(layer, client, collection):
    """What is shown when the mouse rests on a tile: its picture, and what is known of it."""
    if not client.authcfg and ":" not in collection:  # QGIS loads pictures of tips without a login
        picture = f'<img src="{client.address}/chips/{quote(collection)}/[% "tile_id" %].webp?px=192" width="192"><br>'
    else:
        picture = ""
    said = '[% concat("relevance ", "relevance", " (", "grade", ")<br>", "near", "<br>", "likeliest") %]'
    layer.setMapTipTemplate(picture + (said if layer.fields().indexOf("relevance") >= 0 else '[% "tile_id" %]'))
