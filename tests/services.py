"""The services of the served mode, as fixtures: all are real but Qdrant, which is a double.

Each can be killed and started again, at the same address and with what it held. The first three are Debian's;
where the program is missing, its tests are skipped. `tests/qdrant_double.py` says what the double is.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import TypeVar

import pytest

PASSWORD = "sesame-" + secrets.token_hex(8)  # of every service; tests look for it where it must not be
_START_S = 60.0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Service:
    """A process that listens on a port; `kill` is SIGKILL, and `start` brings it back where it was."""

    command: list[str]
    port: int
    log: Path
    user: str | None = None
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        deadline = time.monotonic() + _START_S
        while True:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    self.command,
                    stdout=log,
                    stderr=log,
                    user=self.user,
                    group=self.user,
                    cwd="/",
                    env=os.environ | self.environment,
                    start_new_session=True,
                )
            while time.monotonic() < deadline and self.process.poll() is None:
                if self.answers():
                    return
                time.sleep(0.03)
            if time.monotonic() >= deadline:
                raise TimeoutError(f"{self.command[0]}: {self.log.read_text('utf-8', 'replace')[-2000:]}")
            time.sleep(0.1)  # its predecessor's children may still be going

    def answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def kill(self) -> None:
        """As a power failure would, but for the disk."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """It hears and does not answer, until `resume`."""
        if self.process:
            self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGCONT)

    def _end(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


S = TypeVar("S", bound=Service)


@dataclass
class Redis(Service):
    """A Redis server with a password, which keeps what it holds in an append-only file; by TLS where it has a `ca`."""

    ca: Path | None = None

    @property
    def url(self) -> str:
        if self.ca is not None:
            return f"rediss://:{PASSWORD}@127.0.0.1:{self.port}/0?ssl_ca_certs={self.ca}"
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def answers(self) -> bool:
        import redis

        with suppress(redis.RedisError), redis.Redis.from_url(self.url, socket_timeout=1) as client:
            return bool(client.ping())  # no longer loading its file
        return False


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Redis]:
    """A Redis server of the test's own."""
    yield from _running(start_redis(tmp_path / "redis"))


def start_redis(folder: Path, *options: str, tls: bool = False) -> Redis:
    """A running Redis; options of its command line may follow, such as ``--maxmemory 5mb``."""
    server_program = program("redis-server")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    configuration = folder / "redis.conf"  # a password on the command line would be seen by all
    configuration.write_text(
        f'bind 127.0.0.1\nport {port}\ndir "{folder}"\nrequirepass {PASSWORD}\nappendonly yes\nsave ""\n', "utf-8"
    )
    server = Redis([server_program, str(configuration), *options], port, folder / "redis.log")
    if tls:
        server.ca, certificate, key = make_certificate(folder)
        server.command += ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"]
        server.command += ["--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
    server.start()
    return server


@dataclass
class Qdrant(Service):
    """The double of a Qdrant server, a real one that is started here, or nothing but the address of one.

    Attributes:
        address: Of a real server that runs already; it has other collections than those of the tests.
        api_key: May do everything.
        faults: File of the double that makes it fail, see `tests/qdrant_double.py`; None: a real server.
        made: What names begin with that tests make on it.
    """

    address: str = ""
    api_key: str | None = None
    faults: Path | None = None
    made: str = field(default_factory=lambda: f"test{secrets.token_hex(4)}")

    @property
    def url(self) -> str:
        return self.address or f"http://127.0.0.1:{self.port}"

    def prefix(self) -> str:
        """A setting `qdrant_prefix` for one catalog of the tests."""
        return f"{self.made}-{secrets.token_hex(3)}"

    def fails(self, collection: str, status: int, error: str, *, only: str = "rwm", left: int = -1) -> None:
        """Lets requests for a collection be answered so, `left` times or until `mend`; a real server cannot be told."""
        if self.faults is None:
            pytest.skip("a real server fails when it likes")
        fault = {collection: {"status": status, "error": error, "only": only, "left": left}}
        self.faults.write_text(json.dumps(fault), "utf-8")

    def mend(self) -> None:
        if self.faults is not None:
            self.faults.unlink(missing_ok=True)

    def drop_made(self) -> None:
        """Removes what the tests made, and nothing else."""
        from ingest.index.connection import connect

        client = connect(self.url, self.api_key)
        for found in client.get_collections().collections:
            if found.name.startswith(self.made):
                client.delete_collection(found.name)
        client.close()


@pytest.fixture
def qdrant_server(tmp_path: Path) -> Iterator[Qdrant]:
    """The double with a folder of the test's own; see `run_qdrant`."""
    yield from run_qdrant(tmp_path)


def run_qdrant(folder: Path, **environment: str) -> Iterator[Qdrant]:
    """A server over a folder, or a real one where GROUNDCAST_TEST_QDRANT_URL names one, which cannot be killed.

    Args:
        folder: For what it keeps.
        environment: As a server takes it, such as QDRANT__SERVICE__READ_ONLY_API_KEY; one that runs has its own.
    """
    real = os.environ.get("GROUNDCAST_TEST_QDRANT_URL")
    if real:
        key = os.environ.get("GROUNDCAST_TEST_QDRANT_API_KEY")
        server = Qdrant([], 0, folder / "qdrant.log", address=real, api_key=key)
        try:
            yield server
        finally:
            server.drop_made()
    else:
        yield from _running(start_qdrant(folder / "qdrant", **environment))


def start_qdrant(folder: Path, api_key: str | None = PASSWORD, **environment: str) -> Qdrant:
    """The double over a folder, or the program that GROUNDCAST_TEST_QDRANT_PROGRAM names; it runs."""
    port, program = free_port(), os.environ.get("GROUNDCAST_TEST_QDRANT_PROGRAM")
    command = [program] if program else [sys.executable, str(Path(__file__).with_name("qdrant_double.py"))]
    settings = {"QDRANT__SERVICE__API_KEY": api_key} if api_key else {}
    if program:
        folder.mkdir(parents=True, exist_ok=True)
        settings |= {
            "QDRANT__SERVICE__HTTP_PORT": str(port),
            "QDRANT__SERVICE__GRPC_PORT": str(free_port()),
            "QDRANT__STORAGE__STORAGE_PATH": str(folder / "storage"),
            "QDRANT__STORAGE__SNAPSHOTS_PATH": str(folder / "snapshots"),
            "QDRANT__TELEMETRY_DISABLED": "true",
        }
    else:
        command += [str(folder), str(port)]
    faults = None if program else folder / "faults.json"
    log, environment = folder.with_suffix(".log"), settings | environment
    server = Qdrant(command, port, log, environment=environment, api_key=api_key, faults=faults)
    server.start()
    return server


@dataclass
class PostgresPort(Service):
    """What speaks PostgreSQL on a port; `url` is that of one database."""

    database: str = "postgres"

    @property
    def url(self) -> str:
        return self.url_of(self.database)

    def url_of(self, database: str) -> str:
        return f"postgresql://groundcast:{PASSWORD}@127.0.0.1:{self.port}/{database}"


@dataclass
class Postgres(PostgresPort):
    """A PostgreSQL cluster."""

    def answers(self) -> bool:
        import psycopg

        with suppress(psycopg.OperationalError):
            psycopg.connect(self.url_of("postgres"), connect_timeout=2).close()
            return True
        return False

    def run(self, statement: str) -> None:
        """A statement outside of any transaction, in the cluster's own database."""
        import psycopg

        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def new_database(self) -> str:
        name = "test_" + secrets.token_hex(6)
        self.run(f"CREATE DATABASE {name}")
        return name


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Postgres]:
    """A PostgreSQL cluster for the test run; see `run_postgres`."""
    yield from run_postgres()


def run_postgres() -> Iterator[Postgres]:
    """A PostgreSQL cluster, made on the spot; it refuses to run as root, so it does not."""
    bin_ = _postgres_bin()
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="groundcast-postgres-"))
    password = folder / "password"
    password.write_text(PASSWORD, "utf-8")
    if user:
        for path in (folder, password):
            shutil.chown(path, user, user)
    subprocess.run(
        [bin_ / "initdb", "-D", folder / "data", "-U", "groundcast", "--auth=scram-sha-256", f"--pwfile={password}",
         "--encoding=UTF8", "--no-locale", "--no-sync"],
        check=True, capture_output=True, user=user, group=user, cwd="/",
    )  # fmt: skip
    port = free_port()
    options = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
    cluster = Postgres(
        [str(bin_ / "postgres"), "-D", str(folder / "data"), "-p", str(port), *options], port, folder / "log", user
    )
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres(postgres_cluster: Postgres) -> Iterator[Postgres]:
    """An empty database of the test's own. Killing the server kills the cluster; the next test finds it started."""
    if not postgres_cluster.answers():
        postgres_cluster.start()
    postgres_cluster.database = postgres_cluster.new_database()
    yield postgres_cluster
    if not postgres_cluster.answers():
        postgres_cluster.start()
    postgres_cluster.run(f"DROP DATABASE IF EXISTS {postgres_cluster.database} WITH (FORCE)")


@dataclass
class PgBouncer(PostgresPort):
    """A pooler in transaction mode with one connection to the server, so that no session outlives its transaction."""


@pytest.fixture
def pooler(postgres: Postgres) -> Iterator[PgBouncer]:
    """pgbouncer in front of the test's database."""
    yield from run_pgbouncer(postgres)


def run_pgbouncer(behind: Postgres, *, connections: int = 1) -> Iterator[PgBouncer]:
    """pgbouncer in front of a cluster, with so many connections to it at once for each database."""
    pgbouncer = program("pgbouncer")
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    folder, port = Path(tempfile.mkdtemp(prefix="groundcast-pgbouncer-")), free_port()
    users, configuration = folder / "users", folder / "pgbouncer.ini"
    users.write_text(f'"groundcast" "{PASSWORD}"\n', "utf-8")
    lines = [
        *("[databases]", f"* = host=127.0.0.1 port={behind.port}", "[pgbouncer]", "listen_addr = 127.0.0.1"),
        *(f"listen_port = {port}", "unix_socket_dir =", "auth_type = scram-sha-256", f"auth_file = {users}"),
        *("pool_mode = transaction", f"default_pool_size = {connections}", "server_login_retry = 1"),
    ]
    configuration.write_text("\n".join(lines) + "\n", "utf-8")
    if user:
        for path in (folder, users, configuration):
            shutil.chown(path, user, user)
    server = PgBouncer([pgbouncer, str(configuration)], port, folder / "log", user, database=behind.database)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class S3(Service):
    """moto's S3 server."""

    bucket: str = ""

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/groundcast"

    def new_bucket(self) -> None:
        """Makes an empty bucket, which `url` names from then on."""
        import s3fs

        self.bucket = "test-" + secrets.token_hex(6)
        s3fs.S3FileSystem(**self.options).mkdir(self.bucket)

    @property
    def options(self) -> dict[str, str]:
        """Options of the file system, as in the setting ``archive_options``."""
        return {"key": "tester", "secret": PASSWORD, "endpoint_url": f"http://127.0.0.1:{self.port}"}


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """moto's S3 server for the test run."""
    pytest.importorskip("moto.server")
    yield from run_s3(tmp_path_factory.mktemp("s3"))


def run_s3(folder: Path) -> Iterator[S3]:
    """moto's S3 server, which holds everything in memory."""
    port = free_port()
    code = "import sys; from moto.server import main; main(sys.argv[1:])"
    server = S3([sys.executable, "-c", code, "-H", "127.0.0.1", "-p", str(port)], port, folder / "log")
    yield from _running(server, start=True)


@pytest.fixture
def s3(s3_server: S3) -> S3:
    """An empty bucket of the test's own."""
    s3_server.new_bucket()
    return s3_server


def make_certificate(folder: Path) -> tuple[Path, Path, Path]:
    """A certificate for localhost and 127.0.0.1 by an authority of its own: the authority's file, its own, its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in ("authority", "localhost")]
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in names]
    now = datetime.now(UTC)
    hosts = [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
    whose = [
        x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key()),
        x509.SubjectAlternativeName(hosts),
    ]
    found = []
    for name, key, own in zip(names, keys, (True, False), strict=True):
        made = x509.CertificateBuilder(names[0], name, key.public_key(), x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        made = made.add_extension(x509.BasicConstraints(ca=own, path_length=None), critical=True)
        for extension in whose:
            made = made if own else made.add_extension(extension, critical=False)
        found.append(made.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    files = folder / "ca.pem", folder / "certificate.pem", folder / "key.pem"
    for file, content in zip(files, (*found, keys[1].private_bytes(*form)), strict=True):
        file.write_bytes(content)
    return files


def _running(server: S, *, start: bool = False) -> Iterator[S]:
    try:
        if start:
            server.start()
        yield server
    finally:
        server.kill()


def program(name: str) -> str:
    """Where a program of Debian lies; a test is skipped without it."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed: tools/setup.sh does it")
    return found


def _postgres_bin() -> Path:
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve()] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found or not found[-1].with_name("postgres").exists():
        pytest.skip("PostgreSQL is not installed: tools/setup.sh does it")
    return found[-1].parent
