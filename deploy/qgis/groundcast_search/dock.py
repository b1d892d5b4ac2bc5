"""Where a person asks: the server, a collection, what one would see there, and when."""

from qgis.core import (
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsProject,
    QgsSettings,
)
from qgis.gui import QgsAuthConfigSelect
from qgis.PyQt.QtCore import QDate, Qt
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDockWidget,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from .client import Client
from .layers import extent_of, hits_layer, tiles_layer
from .question import MONTHS, Question

ADDRESS = "http://127.0.0.1:8501"
_SETTINGS = "groundcast"
_DEGREES = "EPSG:4326"


class SearchDock(QDockWidget):
    """The dock.

    Args:
        iface: QGIS.
        parent: The window that it belongs to.
    """

    def __init__(self, iface, parent=None):
        super().__init__("groundcast", parent)
        self.setObjectName("groundcast")
        self._iface = iface
        self._client = None
        self._build()
        self._recall()
        self.address.editingFinished.connect(self.connect_server)
        self.reload.clicked.connect(self.connect_server)
        self.login.selectedConfigIdChanged.connect(lambda _: self.connect_server())
        self.text.returnPressed.connect(self.search)
        self.button.clicked.connect(self.search)
        self.collection.currentIndexChanged.connect(lambda _: self._allow())
        self._allow()

    # -- what it looks like --------------------------------------------------------------------------------------------

    def _build(self):
        self.address = QLineEdit()
        self.address.setPlaceholderText(ADDRESS)
        self.reload = QToolButton()
        self.reload.setText("⟳")
        self.reload.setToolTip("Ask the server for its collections")
        self.login = QgsAuthConfigSelect()
        self.collection = QComboBox()
        self.text = QLineEdit()
        self.text.setPlaceholderText("What would one see there?")
        self.text.setClearButtonEnabled(True)
        self.month, self.hour = QComboBox(), QComboBox()
        self.month.addItem("any month", None)
        self.hour.addItem("any hour", None)
        for number, name in enumerate(MONTHS, start=1):
            self.month.addItem(name, number)
        for number in range(24):
            self.hour.addItem(f"{number} h", number)
        self.hour.setToolTip("Wall-clock time at the place")
        self.least = QDoubleSpinBox()
        self.least.setRange(0, 1)
        self.least.setSingleStep(0.05)
        self.least.setValue(0.1)
        self.least.setToolTip("Hits have at least this relevance: .71 strong, .35 possible, .1 weak")
        self.inside = QCheckBox("Only what the map shows now")
        self.hits, self.scores = QCheckBox("Hits"), QCheckBox("Map of scores")
        self.hits.setChecked(True)
        self.scores.setChecked(True)
        self.button = QPushButton("Search")
        self.says = QLabel()
        self.says.setWordWrap(True)
        form = QFormLayout()
        form.addRow("Server", _row(self.address, self.reload))
        form.addRow("Login", self.login)
        form.addRow("Collection", self.collection)
        form.addRow("Search", self.text)
        form.addRow("When", _row(self.month, self.hour))
        form.addRow("Relevance from", self.least)
        form.addRow("", self.inside)
        form.addRow("Add", _row(self.hits, self.scores))
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.addLayout(form)
        layout.addWidget(self.button)
        layout.addWidget(self.says)
        layout.addStretch()
        self.setWidget(inner)

    def _allow(self):
        """Only what has an effect can be used: a saved search has a question of its own."""
        chosen = self.collection.currentData()
        own = bool(chosen) and ":" in chosen
        for widget in (self.text, self.month, self.hour, self.least, self.inside):
            widget.setEnabled(not own)
        self.button.setEnabled(bool(chosen))

    # -- what it keeps -------------------------------------------------------------------------------------------------

    def _recall(self):
        settings = QgsSettings()
        self.address.setText(settings.value(f"{_SETTINGS}/address", ADDRESS))
        self.login.setConfigId(settings.value(f"{_SETTINGS}/authcfg", ""))

    def _remember(self):
        settings = QgsSettings()
        settings.setValue(f"{_SETTINGS}/address", self.address.text())
        settings.setValue(f"{_SETTINGS}/authcfg", self.login.configId())
        settings.setValue(f"{_SETTINGS}/collection", self.collection.currentData() or "")

    # -- what it does --------------------------------------------------------------------------------------------------

    def connect_server(self):
        """Ask the server for its collections."""
        if self._client is not None:
            self._client.cancel()
        self._client = Client(self.address.text() or ADDRESS, self.login.configId())
        self.says.setText("Asking the server …")
        self._client.ask(f"{self._client.address}/ogc/collections", self._listed, self._failed)

    def _listed(self, document):
        wanted = self.collection.currentData() or QgsSettings().value(f"{_SETTINGS}/collection", "")
        self.collection.clear()
        for one in document.get("collections", ()):
            kind = {"search": " (saved search)", "labels": " (labels)"}.get(one["id"].partition(":")[0], "")
            self.collection.addItem(f"{one.get('title') or one['id']}{kind if ':' in one['id'] else ''}", one["id"])
        self.collection.setCurrentIndex(max(0, self.collection.findData(wanted)))
        self._allow()
        empty = "This server has no collection yet: add imagery there first"
        self.says.setText("" if self.collection.count() else empty)

    def search(self):
        """Ask the question that is written, and add its layers."""
        if self._client is None or not self.collection.currentData():
            self.connect_server()
            return
        if not (self.hits.isChecked() or self.scores.isChecked()):
            self._tell("choose hits, the map of scores, or both", Qgis.MessageLevel.Info)
            return
        question = self.question()
        if self.inside.isChecked() and not question.own and question.box is None:
            self.says.setText("")
            self._tell("what the map shows now is no box of the Earth: move there, or search everywhere",
                       Qgis.MessageLevel.Warning)  # fmt: skip
            return
        self._remember()
        self.button.setEnabled(False)
        self.says.setText("Searching …")
        # one feature tells whether there is anything, and what should be read beside it
        query = "&".join(filter(None, (question.of_hits(), "limit=1")))
        address = self._client.collection(question.collection, "/items", query)
        self._client.ask(address, lambda document: self._answered(question, document), self._failed)

    def question(self):
        """What is written in the dock."""
        return Question(
            collection=self.collection.currentData(),
            text=self.text.text(),
            month=self.month.currentData(),
            hour=self.hour.currentData(),
            year=QDate.currentDate().year(),
            least=self.least.value(),
            box=self._box() if self.inside.isChecked() else None,
        )

    def _box(self):
        """West, south, east and north of what the map shows, degrees; None where that is no box of the Earth."""
        settings = self._iface.mapCanvas().mapSettings()
        turn = QgsCoordinateTransform(
            settings.destinationCrs(), QgsCoordinateReferenceSystem(_DEGREES), QgsProject.instance()
        )
        try:
            box = turn.transformBoundingBox(settings.visibleExtent())
        except QgsCsException:
            return None
        west, south = max(box.xMinimum(), -180.0), max(box.yMinimum(), -90.0)
        east, north = min(box.xMaximum(), 180.0), min(box.yMaximum(), 90.0)
        return (west, south, east, north) if west < east and south < north else None

    def _answered(self, question, document):
        matched = document.get("numberMatched", 0)
        note = document.get("note")
        self.says.setText(" · ".join(filter(None, (f"{matched} places", note))))
        if document.get("nothing") or document.get("not_now") or not matched:
            self._tell(note or "nothing here", Qgis.MessageLevel.Warning)
        above = self.hits.isChecked() and matched and self._add_hits(question)
        if self.scores.isChecked():
            path, query = "/map/tiles/WebMercatorQuad", question.of_scores()
            address = self._client.collection(question.collection, path, query)
            self._client.ask(address, lambda tileset: self._add_tiles(question, tileset, above), self._failed)
        else:
            self._allow()

    def _add_hits(self, question):
        layer = hits_layer(self._client, question)
        if not layer.isValid():
            self._failed(f"the hits cannot be loaded: {layer.error().summary() or 'see the log of OAPIF'}")
            return False
        _put(layer, 0)
        if question.text.strip() or question.own:
            self._zoom(extent_of(layer), layer.crs())
        elif question.box is None:
            # where all tiles lie the server has said: to read a million of them for it would take minutes
            self._zoom(layer.extent(), layer.crs())
        return True

    def _add_tiles(self, question, tileset, above):
        layer = tiles_layer(self._client, question, tileset)
        if not layer.isValid():
            self._failed(f"the map cannot be loaded: {layer.error().summary()}")
            return
        _put(layer, 1 if above else 0)  # below its hits, above all else
        self._allow()

    def _zoom(self, box, crs):
        if box.isEmpty():
            return
        canvas = self._iface.mapCanvas()
        project = QgsProject.instance()
        turn = QgsCoordinateTransform(crs, canvas.mapSettings().destinationCrs(), project)
        try:
            box = turn.transformBoundingBox(box)
        except QgsCsException:  # the project's reference system has no such place
            return
        box.scale(1.1)
        canvas.setExtent(box)
        canvas.refresh()

    def _failed(self, message):
        self.says.setText("")
        self._allow()
        self._tell(message, Qgis.MessageLevel.Critical)

    def _tell(self, message, level):
        seconds = 0 if level == Qgis.MessageLevel.Critical else 8  # 0: until it is closed
        self._iface.messageBar().pushMessage("groundcast", message, level, seconds)

    def let_go(self):
        """Wait for nothing any more, before it goes."""
        if self._client is not None:
            self._client.cancel()


def _put(layer, at):
    """Into the project at a place of its tree, not above whatever layer is chosen."""
    project = QgsProject.instance()
    project.addMapLayer(layer, False)
    project.layerTreeRoot().insertLayer(at, layer)


def _row(*widgets):
    layout = QHBoxLayout()
    for widget in widgets:
        layout.addWidget(widget)
    return layout


RIGHT = Qt.DockWidgetArea.RightDockWidgetArea
