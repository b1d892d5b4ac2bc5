"""The notebook of the documentation runs from top to bottom, in a process of its own, beside one that is open."""

from pathlib import Path

import nbclient
import nbformat
import pytest

import groundcast as gc
from tests.conftest import LONG
from tests.home_copy import whole_copy_of

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


def test_the_notebook_is_stored_without_its_outputs() -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert [cell.id for cell in cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)] == []


def test_the_notebook_runs_and_what_it_brings_in_is_seen_by_who_was_there_before(
    small_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = whole_copy_of(small_home, tmp_path / "home")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for name, value in {
        "GROUNDCAST_HOME": home,
        "GROUNDCAST_PRECISION": "float32",
        "JUPYTER_PATH": tmp_path,
        "JUPYTER_RUNTIME_DIR": tmp_path / "runtime",
        "IPYTHONDIR": tmp_path / "ipython",
        "PYTHONPATH": ROOT,
        "PYTHONWARNINGS": "error,ignore::PendingDeprecationWarning,ignore::DeprecationWarning,ignore:IProgress",
    }.items():
        monkeypatch.setenv(name, str(value))
    with gc.open(home) as opened:
        # its text is embedded here, and kept: there, a text tower would be exported first, which takes seconds
        opened["demo"].search("people swimming at a sandy beach")
        # what embeds pictures imports torch in a process of its own: eight seconds
        left_out = "none" if LONG else "torch"
        nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", skip_cells_with_tag=left_out).execute()
        assert list(opened) == ["demo", *(["notebook"] if LONG else [])]
        assert not LONG or opened["notebook"].describe()["tiles"] > 10
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    kinds = [kind for output in shown for kind in output.get("data", {}) if kind.startswith("image/")]
    assert kinds == ["image/png"] * 3 + ["image/jpeg"]
    maps = sum("data:image/png" in output.get("data", {}).get("text/html", "") for output in shown)
    assert maps == 1 + LONG
    # notes alone, such as that it is not the moment
    said = "".join(output["text"] for output in shown if output.get("name") == "stderr")
    assert [line for line in said.splitlines() if not line.startswith(("demo: ", "notebook: "))] == []
