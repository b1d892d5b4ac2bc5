"""A groundcast server as QGIS reaches it: its proxy, its certificates and its stored logins count. Nothing waits."""

import json
from urllib.parse import quote

from qgis.core import QgsApplication, QgsNetworkAccessManager
from qgis.PyQt.QtCore import QUrl
from qgis.PyQt.QtNetwork import QNetworkReply, QNetworkRequest


class Client:
    """One server.

    Args:
        address: Of the app, such as http://127.0.0.1:8501, or of its /ogc.
        authcfg: Id of a stored login of QGIS; empty: none.
    """

    def __init__(self, address, authcfg=""):
        self.address = address.strip().rstrip("/").removesuffix("/ogc").rstrip("/")
        self.authcfg = authcfg
        self._replies = set()

    def collection(self, collection_id, path="", query=""):
        """The address of a document of a collection."""
        address = f"{self.address}/ogc/collections/{quote(collection_id, safe='')}{path}"
        return f"{address}?{query}" if query else address

    def ask(self, address, then, failed):
        """Ask for a JSON document.

        Args:
            address: What is asked for.
            then: Called with the document.
            failed: Called with a sentence that says what is wrong and what to do.
        """
        url = QUrl(address)
        if not url.isValid() or url.scheme() not in ("http", "https"):
            failed(f"{self.address!r} is no address of a server: write it such as http://127.0.0.1:8501")
            return
        request = QNetworkRequest(url)
        request.setRawHeader(b"Accept", b"application/geo+json, application/json")
        # from http to https, as proxies do, and never back
        policy = QNetworkRequest.RedirectPolicy.NoLessSafeRedirectPolicy
        request.setAttribute(QNetworkRequest.Attribute.RedirectPolicyAttribute, policy)
        if self.authcfg:
            ready = QgsApplication.authManager().updateNetworkRequest(request, self.authcfg)
            if not (ready[0] if isinstance(ready, tuple) else ready):
                failed("the stored login cannot be used: choose it again, or none")
                return
        reply = QgsNetworkAccessManager.instance().get(request)
        self._replies.add(reply)  # else Python lets go of it before it is there
        reply.finished.connect(lambda: self._finished(reply, then, failed))

    def cancel(self):
        """Wait for nothing any more."""
        for reply in list(self._replies):
            self._replies.discard(reply)
            reply.abort()

    def _finished(self, reply, then, failed):
        if reply not in self._replies:
            return  # it was given up
        self._replies.discard(reply)
        content = bytes(reply.readAll())
        reply.deleteLater()
        try:
            document = json.loads(content)
        except ValueError:
            document = None
        if reply.error() != QNetworkReply.NetworkError.NoError:
            failed(self._wrong(reply, document))
        elif not isinstance(document, dict):
            failed(f"{self.address} answers, and not as groundcast does: is the address right?")
        else:
            then(document)

    def _wrong(self, reply, document):
        told = document.get("error") if isinstance(document, dict) else None
        if isinstance(told, dict) and told.get("message"):
            status = reply.attribute(QNetworkRequest.Attribute.HttpStatusCodeAttribute)
            login = " (choose a stored login above)" if status == 401 else ""
            return f"{told['message']}{login}"
        return f"{self.address} cannot be reached ({reply.errorString()}): is the server running, the address right?"
