"""The plugin in a QGIS without a screen, as a person uses it; run by the Python that QGIS is installed for.

    python3 qgis_walk.py ADDRESS PLUGINS FOLDER

prints what it found as JSON, and leaves pictures of the dock and of the map in the folder.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsMapRendererParallelJob,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.gui import QgsMapCanvas, QgsMessageBar
from qgis.PyQt.QtCore import QElapsedTimer, QEventLoop, QSize
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtWidgets import QMainWindow

PATIENCE_MS = 60_000


class Window:
    """As much of QGIS's window as a plugin touches, made of its own parts."""

    def __init__(self):
        self.window, self.canvas, self.bar = QMainWindow(), QgsMapCanvas(), QgsMessageBar()
        self.canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
        self.canvas.resize(800, 600)
        self.window.setCentralWidget(self.canvas)
        self.actions = []

    def mainWindow(self):
        return self.window

    def mapCanvas(self):
        return self.canvas

    def messageBar(self):
        return self.bar

    def addDockWidget(self, area, dock):
        self.window.addDockWidget(area, dock)

    def removeDockWidget(self, dock):
        self.window.removeDockWidget(dock)

    def addWebToolBarIcon(self, action):
        self.actions.append(action)

    def removeWebToolBarIcon(self, action):
        self.actions.remove(action)

    def addPluginToWebMenu(self, menu, action):
        pass

    def removePluginWebMenu(self, menu, action):
        pass

    def told(self):
        """What the message bar says, and clears it."""
        said = [item.text() for item in self.bar.items()]
        self.bar.clearWidgets()
        return said


def wait_for(ready):
    clock = QElapsedTimer()
    clock.start()
    while not ready():
        if clock.elapsed() > PATIENCE_MS:
            raise TimeoutError
        QgsApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)


def picture(layers, extent, path):
    """Draw layers as a map."""
    from qgis.core import QgsMapSettings

    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
    settings.setExtent(extent)
    settings.setOutputSize(QSize(700, 700))
    settings.setBackgroundColor(QColor("#ffffff"))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(str(path))


def search(window, dock, text, month=None, hour=None):
    """Ask as a person does; what the message bar says, and the layers that came."""
    before = set(QgsProject.instance().mapLayers())
    dock.text.setText(text)
    dock.month.setCurrentIndex(dock.month.findData(month))
    dock.hour.setCurrentIndex(dock.hour.findData(hour))
    dock.button.click()
    wait_for(dock.button.isEnabled)
    new = [QgsProject.instance().mapLayer(one) for one in set(QgsProject.instance().mapLayers()) - before]
    return {
        "told": window.told(),
        "says": dock.says.text(),
        "hits": next((one for one in new if isinstance(one, QgsVectorLayer)), None),
        "scores": next((one for one in new if isinstance(one, QgsRasterLayer)), None),
    }


def described(layer):
    if layer is None:
        return None
    if isinstance(layer, QgsRasterLayer):
        return {"name": layer.name(), "valid": layer.isValid(), "credit": layer.metadata().rights()}
    return {
        "name": layer.name(),
        "valid": layer.isValid(),
        "provider": layer.dataProvider().name(),
        "features": sum(1 for _ in layer.getFeatures()),
        "fields": [field.name() for field in layer.fields()],
        "renderer": layer.renderer().type(),
    }


def walk(address, folder):
    """The whole way."""
    from groundcast_search import classFactory

    window = Window()
    plugin = classFactory(window)
    plugin.initGui()
    window.actions[0].trigger()
    dock = plugin.dock
    wait_for(lambda: dock.says.text() != "Asking the server …")
    found = {"nobody there": window.told()}  # no server at the address that it begins with
    dock.address.setText(address)
    dock.connect_server()
    wait_for(dock.collection.count)
    found["collections"] = [dock.collection.itemData(row) for row in range(dock.collection.count())]
    dock.collection.setCurrentIndex(dock.collection.findData("demo"))
    asked = search(window, dock, "people swimming at a sandy beach", 7, 14)
    window.window.resize(1100, 700)
    dock.resize(330, 700)
    dock.grab().save(str(folder / "dock.png"))
    picture([asked["hits"], asked["scores"]], window.canvas.extent(), folder / "map.png")
    found["asked"] = {name: described(one) if name in ("hits", "scores") else one for name, one in asked.items()}
    nothing = search(window, dock, "people swimming at a sandy beach", 1, 3)
    found["not now"] = {name: described(one) if name in ("hits", "scores") else one for name, one in nothing.items()}
    odd = search(window, dock, 'children\'s dunes & cafés, 100 % "sand"', 7)
    found["odd"] = {name: described(one) if name in ("hits", "scores") else one for name, one in odd.items()}
    found["order"] = [one.name() for one in QgsProject.instance().layerTreeRoot().children()]
    window.canvas.setExtent(QgsRectangle(0, 1e9, 1e6, 1.1e9))  # beyond the pole
    dock.inside.setChecked(True)
    found["nowhere"] = search(window, dock, "a beach")
    dock.inside.setChecked(False)
    window.canvas.setExtent(QgsRectangle(0, 0, 10, 10))
    everything = search(window, dock, "")
    found["middle"] = window.canvas.extent().center().x()
    found["tiles"] = {name: described(one) if name in ("hits", "scores") else one for name, one in everything.items()}
    plugin.unload()
    found["left"] = len(window.actions)
    return found


def main():
    address, plugins, folder = sys.argv[1:]
    sys.path.insert(0, plugins)
    app = QgsApplication([], True)
    app.initQgis()
    from qgis.core import QgsSettings

    QgsSettings().setValue("groundcast/address", "http://127.0.0.1:9")
    print(json.dumps(walk(address, Path(folder))))
    QgsProject.instance().clear()
    app.exitQgis()


main()
