"""A client of a Qdrant server or cluster: its addresses in turn, patient with a node that is just going or coming.

It does not know collections.
"""

import re
import time
from collections.abc import Sequence
from itertools import cycle, islice

import httpx
from qdrant_client import QdrantClient

from ingest.addresses import shown
from ingest.index.refusals import ERRORS, NODE_AWAY, reason
from trainer.errors import IndexAwayError, IndexRightsError, VectorIndexError

OLDEST = (1, 16)
"""The first version of Qdrant that keeps whose a collection is (its metadata)."""

TIMEOUT_S = 60
CONNECT_S = 5
PAUSES_S = (0.5, 1.0, 2.0)  # a restart goes unnoticed; who must survive more, waits and comes again
_GOING = frozenset({502, 503, 504})  # of a node that starts or stops, or of the balancer before it


class Nodes(httpx.HTTPTransport):
    """Asks the nodes of a cluster in turn, the one that answered last first.

    Every request may come twice: points are written under their own ids, and what is made or removed twice is there,
    or gone, once.

    Args:
        addresses: ``http://host:port`` of each.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        # else no certificates are loaded
        super().__init__(verify=any(address.startswith("https:") for address in addresses))
        self._addresses = [httpx.URL(address) for address in addresses]
        self._first = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer of the first node that has one; of none after the last pause, what the last one said."""
        request.extensions["timeout"]["connect"] = CONNECT_S  # sooner than an answer is given up on
        begin, pauses = self._first, iter(PAUSES_S)
        for number in islice(cycle(range(len(self._addresses))), begin, None):
            last = (number + 1 - begin) % len(self._addresses) == 0  # of this round
            pause = next(pauses, None) if last else 0.0
            try:
                response = super().handle_request(self._at(request, self._addresses[number]))
                if pause is None or not _is_going(response):
                    self._first = number
                    return response
                response.close()
            except (httpx.NetworkError, httpx.ConnectTimeout, httpx.RemoteProtocolError):
                if pause is None:
                    raise
            time.sleep(pause)
        raise AssertionError("an endless cycle ended")

    def _at(self, request: httpx.Request, address: httpx.URL) -> httpx.Request:
        """The same request to another node."""
        url = request.url.copy_with(scheme=address.scheme, host=address.host, port=address.port)
        headers = request.headers.copy()
        headers["host"] = url.netloc.decode("ascii")
        return httpx.Request(request.method, url, headers=headers, stream=request.stream, extensions=request.extensions)


def _is_going(response: httpx.Response) -> bool:
    if response.status_code == 500:
        response.read()
        return bool(NODE_AWAY.search(response.text))
    return response.status_code in _GOING


def addresses(url: str) -> list[str]:
    """The addresses of the setting ``qdrant_url``, which has been checked."""
    return [part.strip().rstrip("/") for part in url.split(",")]


def connect(url: str, api_key: str | None = None) -> QdrantClient:
    """A client of a server that answers.

    Args:
        url: One address, or several with commas between them: nodes of one cluster, tried in turn.
        api_key: A key or a token; None: none.

    Raises:
        IndexRightsError: It refuses the key.
        IndexAwayError: None answers.
        VectorIndexError: It is older than `OLDEST`.
    """
    nodes = addresses(url)
    # uncompressed: a server that gzips its answers stalls two queries in five by 40 ms
    headers = {"accept-encoding": "identity"}
    if api_key is not None:
        headers["api-key"] = api_key  # as a header: `doctor` warns where it goes over plain http
    named = ", ".join(map(shown, nodes))
    try:
        client = QdrantClient(
            url=nodes[0],
            headers=headers,
            timeout=TIMEOUT_S,
            # it would ask for the server's version once more, and only warn
            check_compatibility=False,
            transport=Nodes(nodes),
        )
        # nothing has gone over the wire until here: a wrong address shows now
        version = client.info().version
        if (found := re.match(r"(\d+)\.(\d+)", version)) and tuple(map(int, found.groups())) < OLDEST:
            client.close()
            raise VectorIndexError(
                f"Qdrant {version} at {named} is older than {'.'.join(map(str, OLDEST))}, the first that keeps whose a "
                "collection is: upgrade it"
            )
        client.get_collections()  # and a wrong key
    except ERRORS as error:
        if getattr(error, "status_code", None) in (401, 403):
            raise IndexRightsError(
                f"the Qdrant server at {named} refuses its key ({reason(error)}); set qdrant_api_key to a key of it"
            ) from error
        raise IndexAwayError(
            f"no Qdrant server answers at {named} ({reason(error)}); start it, or check its address and key"
        ) from error
    return client
