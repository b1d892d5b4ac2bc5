"""What QGIS starts: an action in the menu and the toolbar, which shows the dock."""

from pathlib import Path

from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QAction

from .dock import RIGHT, SearchDock

_MENU = "groundcast"


class GroundcastPlugin:
    """The plugin.

    Args:
        iface: QGIS.
    """

    def __init__(self, iface):
        self._iface = iface
        self._action = self.dock = None

    def initGui(self):  # noqa: N802 - the name that QGIS calls
        """Called when the plugin is switched on."""
        window = self._iface.mainWindow()
        self._action = QAction(QIcon(str(Path(__file__).with_name("icon.svg"))), "Search the ground", window)
        self._action.setCheckable(True)
        self._action.triggered.connect(self._show)
        self._iface.addWebToolBarIcon(self._action)
        self._iface.addPluginToWebMenu(_MENU, self._action)

    def unload(self):
        """Called when it is switched off."""
        self._iface.removePluginWebMenu(_MENU, self._action)
        self._iface.removeWebToolBarIcon(self._action)
        if self.dock is not None:
            self.dock.let_go()
            self._iface.removeDockWidget(self.dock)
            self.dock.deleteLater()
            self.dock = None

    def _show(self, wanted):
        if self.dock is None:
            self.dock = SearchDock(self._iface, self._iface.mainWindow())
            self._iface.addDockWidget(RIGHT, self.dock)
            self.dock.visibilityChanged.connect(self._action.setChecked)
            self.dock.connect_server()
        self.dock.setVisible(wanted)
