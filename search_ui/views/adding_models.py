"""Adding a model: one that is known, a file from the web, or a file of one's own; and which there are.

It does not know how weights are read; a command of the command line does that, in a process of its own.
"""

import streamlit as st

from ingest.catalog.names import GALLERY
from search_ui.service.brought.kept_files import MAX_MB, WEIGHTS, keep_weights
from search_ui.service.service import Service
from search_ui.views import pieces
from search_ui.views.app_words import told
from search_ui.views.work import background, watch
from trainer.errors import GroundcastError
from trainer.weights.known import KNOWN

_SMALL = "small"
_KINDS = ("One that is known", "A file from the web", "A file of my own")


def add_model(service: Service) -> None:
    """The form, and the start."""
    kind = st.segmented_control("Which?", _KINDS, default=_KINDS[0], key="model kind", required=True)
    arguments, suggested = _KIND[kind](service) if kind in _KIND else (None, "")
    name = st.text_input(
        "Name of the model", key=f"model name {suggested or kind}", value=suggested, placeholder="such as clip",
        help="As it is called on this server, when imagery is added.",
    ).strip()  # fmt: skip
    if st.button("Add it", key="start model", type="primary"):
        if name and arguments is not None:
            _start(service, f"The model {name}", ["model", "add", f"{name}", *arguments])
        else:
            st.warning("Say where the model is, and how to call it.")


def small_model(service: Service) -> None:
    """For a home without any: the one that comes with the program, by one click."""
    st.markdown(
        "The small model that comes with groundcast knows the demo planet; on other imagery it finds what looks alike. "
        "For real imagery add CLIP or another: “Add a model”, further down on this page."
    )
    task = background(service).task("model")
    if task is not None and task.running:
        watch(service, "model")
    elif st.button("Add the small model", key="add bundled", disabled=service.read_only):
        _start(service, "The small model", ["model", "add", "demo", "--bundled"])


def models_here(service: Service) -> None:
    """Which models there are, and what they are used for."""
    used: dict[str, list[str]] = {}
    for name, found in service.aliases.in_service().items():
        shown = pieces.as_words(name.removeprefix(GALLERY))
        used.setdefault(found.model_id, []).append(f"photos {shown}" if name.startswith(GALLERY) else shown)
    models = service.catalog.models()
    for model in models:
        of = ", ".join(used.get(model.model_id, [])) or "nothing yet"
        st.markdown(f"**{pieces.as_words(model.name)}** · added {model.added_at:%Y-%m-%d} · used for {of}")
    if not models:
        st.caption("None yet.")


def _known(_: Service) -> tuple[list[str] | None, str]:
    titles = {_SMALL: "The small model that comes with groundcast"} | {one.name: one.title for one in KNOWN}
    captions = ["Knows the demo planet alone. Nothing is downloaded. Licence: that of groundcast"]
    captions += [f"{one.says} {_size(one.megabytes)}. Licence: {one.licence}" for one in KNOWN]
    chosen = st.radio(
        "Model", list(titles), key="known model", format_func=lambda name: titles[name], captions=captions,
        label_visibility="collapsed",
    )  # fmt: skip
    page = next((one.page for one in KNOWN if one.name == chosen), None)
    if page is not None:
        st.caption(f"Its makers describe it, and its licence, at {page}. It is downloaded from huggingface.co.")
    if chosen == _SMALL:
        return ["--bundled"], _SMALL
    return ([f"--known={chosen}"], str(chosen)) if chosen else (None, "")


def _size(megabytes: int) -> str:
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes} MB"


def _from_web(service: Service) -> tuple[list[str] | None, str]:
    url = st.text_input("Address of the file", key="model url", placeholder="https://…/model.safetensors").strip()
    hosts = ", ".join(service.settings.allowed_hosts)
    st.caption(
        f"Weights of a CLIP model: {', '.join(WEIGHTS)}. "
        + (f"It may lie at {hosts}." if hosts else "No host may be asked yet: the setting allowed_hosts names them.")
    )
    return ([f"--url={url}", "--through-app", *_arch()], "") if url else (None, "")


def _own_file(service: Service) -> tuple[list[str] | None, str]:
    path = st.text_input(
        "Path on the server's machine", key="model path", placeholder="/data/model.safetensors, or a folder"
    ).strip()
    file = st.file_uploader(f"Or upload it, up to {MAX_MB} MB", WEIGHTS, key="model file", max_upload_size=MAX_MB)
    if not path and file is not None:
        try:
            service.require_writable()
            path = str(keep_weights(service.settings.home, file.name, file.getbuffer()))
        except GroundcastError as error:
            st.error(told(error))
    return ([f"--weights={path}", *_arch()], "") if path else (None, "")


def _arch() -> list[str]:
    arch = st.text_input(
        "Architecture", key="model arch", placeholder="optional: ViT-B-32-quickgelu",
        help="Only where neither the file, its name nor a file beside it says so; as open_clip calls it.",
    ).strip()  # fmt: skip
    return [f"--open-clip={arch}"] if arch else []


_KIND = dict(zip(_KINDS, (_known, _from_web, _own_file), strict=True))


def _start(service: Service, title: str, arguments: list[str]) -> None:
    try:
        service.require_writable()
        background(service).start("model", title, arguments)
    except GroundcastError as error:
        st.error(told(error))
    else:
        st.rerun()
