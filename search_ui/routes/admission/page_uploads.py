"""Files that people give to a page: Streamlit holds them in memory until the page is closed, so all are bounded.

Bytes are counted as they come, and who stops sending is told so. It does not know what a file is for.
"""

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PLACE = "/_stcore/upload_file/"  # of Streamlit's own route, behind whatever path it is served under
MOST_BYTES = 640 * 2**20
IDLE_S = 30.0
_BYTES_A_SECOND = 100 * 2**20  # faster than networks; a file from this very machine would keep the event loop busy


class PageUploads:
    """ASGI middleware; see the top.

    Args:
        app: Gets the requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._coming = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what there is room for."""
        if scope["type"] != "http" or PLACE not in scope["path"]:
            await self.app(scope, receive, send)
            return
        mine = 0

        async def counted() -> Message:
            nonlocal mine
            try:
                message = await asyncio.wait_for(receive(), IDLE_S)
            except TimeoutError:
                raise HTTPException(408, f"nothing came for {IDLE_S:.0f} s: send the file again") from None
            size = len(message.get("body", b""))
            await asyncio.sleep(size / _BYTES_A_SECOND)
            mine, self._coming = mine + size, self._coming + size
            if _held() + self._coming > MOST_BYTES:
                raise HTTPException(503, "the pages that are open hold too many files: close some, and send it again")
            return message

        try:
            await self.app(scope, counted, send)
        finally:
            self._coming -= mine


def _held() -> int:
    """Bytes of the files of all pages."""
    from streamlit.runtime import Runtime
    from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

    held = Runtime.instance().uploaded_file_mgr if Runtime.exists() else None
    if not isinstance(held, MemoryUploadedFileManager):
        return 0
    return sum(len(file.data) for files in list(held.file_storage.values()) for file in list(files.values()))
