"""The Celery application over Redis: two queues, messages that wake workers, and nothing that must not be lost.

``embed`` is for GPUs or CPUs with the model, ``light`` for what needs none. A message is JSON and holds ids only;
results are nowhere, progress is in the ledger. A message that is lost is sent again by the reaper, so Redis may forget
all of it.
"""

import multiprocessing
import platform
import secrets
from functools import cached_property
from typing import Any

from celery import Celery

from ingest.settings import Settings
from trainer.errors import SettingsError

QUEUES = ("embed", "light")
EMBED, INDEX, PAIRS = "groundcast.embed", "groundcast.index", "groundcast.pairs"
REMOVE = "groundcast.remove_overdue"


class Groundcast(Celery):  # type: ignore[misc]
    """The application of one process and its children.

    Attributes:
        settings: Of the home; the child reads catalog, archive, device and precision from them.
        worker: A name that no other worker has, nor this one after a restart.
        stopping: Set when the worker is asked to end.
        complaint: Why the reaper's last look failed.
    """

    settings: Settings
    worker: str
    complaint = ""

    @cached_property
    def stopping(self) -> Any:
        """An event that parent and child share."""
        # made in the parent, inherited by the child that the pool forks: so its start method is fork
        return multiprocessing.get_context("fork").Event()


def make_app(settings: Settings) -> Groundcast:
    """The application for a home's settings.

    Raises:
        SettingsError: There is no ``redis_url``.
    """
    if settings.redis_url is None:
        raise SettingsError(
            "no redis_url: set it in settings.toml or as GROUNDCAST_REDIS_URL, such as redis://:PASSWORD@HOST:6379/0; "
            "without workers, leave --queue out"
        )
    # not the process's current app: a test, or the app's server, may have several
    app = Groundcast("groundcast", include=["workers.tasks"], set_as_current=False)
    app.settings = settings
    app.worker = f"{platform.node()[:60]}-{secrets.token_hex(4)}"
    app.conf.update(_configuration(settings))
    return app


def reap_every_s(settings: Settings) -> float:
    """Seconds between two looks at what was left lying."""
    return min(10.0, settings.lease_s / 4)


def _configuration(settings: Settings) -> dict[str, Any]:
    assert settings.redis_url is not None  # noqa: S101 - for mypy; `make_app` has looked
    longest_s = max(3600.0, 20 * settings.chunk_s)  # a child that takes longer hangs, and is killed
    return {
        "broker_url": settings.redis_url.get_secret_value(),
        "broker_connection_retry_on_startup": True,
        # without end: Redis may be away for a night, and a worker that gave up would have to be started by hand
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,  # a full broker is no reason to end
        "broker_transport_options": {
            # Leases decide about recovery; this only keeps a message from being handed out while it is worked on.
            "visibility_timeout": 3 * longest_s + 60,
            "unacked_restore_throttle": 1,
            "socket_connect_timeout": 5,
            "socket_timeout": 30,
            "socket_keepalive": True,
            "queue_order_strategy": "priority",
        },
        "task_routes": {EMBED: {"queue": "embed"}} | {name: {"queue": "light"} for name in (INDEX, PAIRS, REMOVE)},
        "task_default_queue": "light",
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "result_backend": None,
        # acknowledged when done: the message of a child that was killed comes back (`reject_on_worker_lost`)
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_time_limit": longest_s,
        # a message that is not taken is sent by the reaper later; whoever sends does not wait
        "task_publish_retry": False,
        # one message at hand: the queue's order and its priorities hold until the last moment
        "worker_prefetch_multiplier": 1,
        "worker_concurrency": 1,
        "worker_pool": "prefork",
        # a child that takes longer to begin is killed: its imports on a busy machine, a ledger that is away
        "worker_proc_alive_timeout": 60.0,
        # SIGQUIT: so long for the chunk at hand
        "worker_soft_shutdown_timeout": 10.0,
        # the lease, not the connection, says whose chunk it is: work goes on while Redis is away
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # lines look as `log_lines` has it, in parent and child
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "enable_utc": True,
    }
