"""What building groundcast does besides what pyproject.toml says: it brings MapLibre GL JS into the package."""

import runpy
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

MAPLIBRE = Path(__file__).with_name("search_ui") / "components" / "maplibre.py"


class BuildWithMapLibre(build_py):
    """Before the files of the packages are gathered, so that it is among them; an editable installation does it too."""

    def run(self) -> None:
        """Fetch, then do as usual."""
        runpy.run_path(str(MAPLIBRE))["fetch"]()
        # setuptools may have listed the data files already
        self.data_files = self._get_data_files()
        super().run()


setup(cmdclass={"build_py": BuildWithMapLibre})
