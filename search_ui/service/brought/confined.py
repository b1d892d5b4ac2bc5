"""Work on what people bring, in a process of its own: bounded in memory and time, and ended when nobody waits for it.

A file of few bytes may unpack to gigabytes, in whatever library reads it, and some of those end the process where there
is no memory left: so the process that answers everybody opens none of them. The other one lives on for a while after
its work, for the next may come soon. It does not know what is done.
"""

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from trainer.errors import GroundcastError

P = ParamSpec("P")
T = TypeVar("T")
_IDLE_S = 60.0
_LOOK_S = 0.2  # so often is it looked whether somebody still waits
_NICE = 10  # whoever searches goes before it
_NO_MEMORY = 3  # exit code


class Confined:
    """A process for one piece of work at a time; others wait for it. May be used from several threads.

    Args:
        memory_bytes: What it may allocate; its libraries alone take some 100 MiB.
        seconds: How long a piece of work may take.
        refused: The error of work that took more, from a sentence's end such as "takes longer than 30 s".
        tick: Called several times a second with the seconds that have passed; what it raises ends the work.
    """

    def __init__(
        self,
        *,
        memory_bytes: int,
        seconds: float,
        refused: Callable[[str], GroundcastError],
        tick: Callable[[float], object] = lambda _: None,
    ) -> None:
        self._memory_bytes, self._seconds, self._refused, self._tick = memory_bytes, seconds, refused, tick
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def run(self, work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Call a function of a module there; function, arguments and result are pickled.

        Raises:
            GroundcastError: It raised one, or took more memory or time than it may.
        """
        with self._lock:
            try:
                done, found = self._answer((work, arguments, options))
            except BaseException:
                self._end()
                raise
        if not done:
            raise found
        result: T = found
        return result

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _answer(self, task: object) -> tuple[bool, Any]:
        """Whether it came to its end, and its result or its error."""
        while True:
            connection = self._begun(task)
            self._await(connection)
            with suppress(EOFError, OSError):
                answer: tuple[bool, Any] = connection.recv()
                return answer
            code = self._end()
            if code == 1:
                raise RuntimeError("a process that reads what people bring failed: see what it printed")
            if code:
                raise self._refused(f"takes more than {self._memory_bytes >> 20} MiB of memory to read")
            # it had been idle, and ended just before it was sent this

    def _begun(self, task: object) -> Connection:
        if self._connection is not None and self._process is not None and self._process.poll() is None:
            with suppress(OSError):  # it ends just now, for it was idle
                self._connection.send(task)
                return self._connection
        self._end()
        self._connection, theirs = Pipe()
        program = [sys.executable, "-m", "search_ui.service.brought.confined"]
        command = [*program, str(theirs.fileno()), str(self._memory_bytes)]
        root = Path(__file__).resolve().parents[3]  # where it is not installed, it runs from there
        path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own program; no shell
                command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env=os.environ | {"PYTHONPATH": path},
                start_new_session=True,  # Ctrl-C is for the one that it works for
            )  # fmt: skip
        with suppress(OSError):  # it has ended already, which is told by who waits for it
            self._connection.send(task)
        return self._connection

    def _await(self, connection: Connection) -> None:
        began = time.monotonic()
        while not connection.poll(_LOOK_S):
            passed = time.monotonic() - began
            if passed > self._seconds:
                self._end()
                raise self._refused(f"takes longer than {self._seconds:.0f} s to read")
            self._tick(passed)

    def _end(self) -> int:
        """What it ended with; it is killed if it has not."""
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if process is None or connection is None:
            return 0
        connection.close()  # which ends it if it is idle
        try:
            return process.wait(_LOOK_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _serve(connection: Connection) -> None:
    """Does what it is sent, until nothing has come for a while or nobody is there any more."""
    while connection.poll(_IDLE_S):
        work, arguments, options = connection.recv()
        try:
            answer = True, work(*arguments, **options)
        except GroundcastError as error:
            answer = False, error
        connection.send(answer)


if __name__ == "__main__":
    os.nice(_NICE)
    with suppress(OSError):  # where Linux groups by session, a nice value counts within the session alone
        Path("/proc/self/autogroup").write_text(str(_NICE))
    limit = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        _serve(Connection(int(sys.argv[1])))
    except EOFError:  # nobody is there any more
        pass
    except MemoryError:
        sys.exit(_NO_MEMORY)
