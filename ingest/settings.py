"""Where state lives and how the machine is used: `Settings`, read once by a door and passed down.

Order of precedence: arguments of the door (``--home``), environment (``GROUNDCAST_…``), ``settings.toml`` in the home
folder, defaults. An unknown key anywhere is an error. It knows nothing of training; that is `TrainConfig`'s.
"""

import json
import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Secret, SecretStr, ValidationError

from ingest.addresses import checked, for_header, for_redis, of_nodes, without_password
from trainer.errors import SettingsError

if TYPE_CHECKING:
    from ingest.archive.files import FilePath

PREFIX = "GROUNDCAST_"
FILE_NAME = "settings.toml"
DEFAULT_HOME = Path("~/.groundcast")
TEST_PREFIX = "GROUNDCAST_TEST_"  # belongs to the test run

SECRETS = frozenset(
    {"database_url", "archive_options", "redis_url", "qdrant_api_key", "webhook_url", "smtp_password"}
)  # never shown, in no message


def _secret(check: Callable[[str], str]) -> Callable[[SecretStr], SecretStr]:
    """A check of an address or key that is never shown."""
    return lambda value: SecretStr(check(value.get_secret_value()))


def _absolute(path: Path) -> Path:
    """A folder that means the same wherever a command is started."""
    if not path.expanduser().is_absolute():
        raise ValueError("not an absolute path such as /data/imagery")
    return path.expanduser()


def _from_json(value: Any) -> Any:
    """A table or a list: of ``settings.toml`` as it is, of the environment in JSON."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        told = 'write lists as JSON, such as ["example.org"], and tables, such as {"key": "…", "secret": "…"}'
        raise ValueError(f"not JSON; {told}") from None


ShownUrl = Annotated[str, AfterValidator(without_password)]
NodesUrl = Annotated[str, AfterValidator(of_nodes)]
SecretUrl = Annotated[SecretStr, AfterValidator(_secret(checked))]
HeaderKey = Annotated[SecretStr, AfterValidator(_secret(for_header))]
RedisUrl = Annotated[SecretStr, AfterValidator(_secret(for_redis))]
Folder = Annotated[Path, AfterValidator(_absolute)]
Precision = Literal["auto", "float32", "compiled", "bfloat16", "bfloat16-compiled", "int8", "int8-compiled"]


class Settings(BaseModel):
    """Every setting, with its default.

    Raises:
        SettingsError: from `load_settings` only, which is how a door builds this class.
    """

    # hide_input: pydantic would quote the value, and it may be a secret
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    home: Path = Field(description="Folder that holds all state: catalog, models, archive, index.")
    read_threads: int = Field(2, ge=1, le=256, description="Threads that read imagery ahead of the model.")
    batch_size: int | None = Field(
        None, ge=1, le=4096, description="Images in one pass through the model; without it 32 on a CPU, 512 on a GPU."
    )
    chunk_size: int = Field(256, ge=1, le=10_000, description="Items in one chunk, that is, in one archive part.")
    precision: Precision = Field("auto", description="Arithmetic of the model; see `groundcast ingest --help`.")
    device: str | None = Field(None, description="Device of the model, such as cpu or cuda:0; chosen when missing.")
    exact_tiles: int = Field(
        5_000_000, ge=0, description="Up to so many tiles every one is scored exactly; above, candidates of the index."
    )
    places: Path | None = Field(None, description="Folder of the table of the world's places; homes may share one.")
    database_url: SecretUrl | None = Field(
        None, description="postgresql://user:password@host/name; without it the catalog is SQLite in the home."
    )
    archive_url: ShownUrl | None = Field(
        None, description="URL of fsspec, such as s3://bucket/folder, that holds the archive; without it the home does."
    )
    archive_options: Secret[Annotated[dict[str, Any], BeforeValidator(_from_json)]] | None = Field(
        None, description="Table of that file system's options, such as key, secret, endpoint_url."
    )
    redis_url: RedisUrl | None = Field(
        None, description="redis://:password@host:6379/0, or rediss:// for TLS, where workers are woken."
    )
    qdrant_url: NodesUrl | None = Field(
        None,
        description="A Qdrant server, or its nodes with commas between; without it the index is embedded.",
    )
    qdrant_api_key: HeaderKey | None = Field(None, description="Key or token of that server.")
    qdrant_prefix: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$",
        description="What new names on that server begin with; without it each catalog has a prefix of its own.",
    )
    qdrant_shards: int | None = Field(
        None, ge=1, description="Shards of a new collection there; without it the server decides."
    )
    qdrant_replicas: int | None = Field(None, ge=1, description="On how many nodes each of them lies.")
    qdrant_write_consistency: int | None = Field(
        None, ge=1, description="How many of those have a point before it counts as written."
    )
    qdrant_datatype: Literal["float32", "float16"] = Field(
        "float16", description="How that server stores vectors; float16 takes half the memory."
    )
    qdrant_int8_above: int = Field(
        1_000_000,
        ge=0,
        description="Above so many vectors that server searches int8 and rescores.",
    )
    lease_s: float = Field(180, gt=0, description="Seconds after which a worker's unrenewed lease of a chunk is over.")
    chunk_s: float = Field(60, gt=0, description="Seconds of work that a worker takes at once, at most.")
    metrics_port: int | None = Field(None, ge=0, le=65535, description="Port of a worker's metrics; none without it.")
    log: Literal["text", "json"] = Field("text", description="Log lines for people, or each step as JSON.")
    allowed_hosts: Annotated[tuple[str, ...], BeforeValidator(_from_json)] = Field(
        (), description="Hosts whose imagery may be read for a source given through the app, or named by a VRT."
    )
    allowed_folders: Annotated[tuple[Folder, ...], BeforeValidator(_from_json)] = Field(
        (), description="Folders beside a source's own that its VRTs may lead to."
    )
    tile_cache_bytes: int = Field(
        4 * 2**30,
        ge=2**20,
        description="Bytes on disk of map tiles fetched from servers, and again of pictures cut for the app.",
    )
    basemap: Path | None = Field(
        None, description="PMTiles file of vector tiles as Protomaps makes them: names, roads and borders on the maps."
    )
    agents: bool = Field(False, description="The app answers agents at /mcp, by the Model Context Protocol; read-only.")
    base_url: ShownUrl | None = Field(
        None, description="Address at which people reach the app, such as https://map.example.org; for links in news."
    )
    webhook_url: SecretUrl | None = Field(
        None, description="Where news of saved searches are posted as JSON; its host stands in allowed_hosts."
    )
    smtp_host: str | None = Field(None, description="Mail server that takes news of saved searches.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Port of that server.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How that server is spoken to; with a password never in the clear."
    )
    smtp_user: str | None = Field(None, description="Who logs in there; without it nobody does.")
    smtp_password: SecretStr | None = Field(None, description="Password of that user.")
    mail_from: str | None = Field(None, description="Sender of the mails.")
    mail_to: Annotated[tuple[str, ...], BeforeValidator(_from_json)] = Field((), description="Who gets them.")

    @property
    def catalog_path(self) -> Path:
        """SQLite file of the catalog."""
        return self.home / "catalog.sqlite"

    @property
    def catalog_at(self) -> Path | SecretStr:
        """Where the catalog is: its file, or the URL of its database."""
        return self.database_url or self.catalog_path

    @property
    def models_dir(self) -> Path:
        """Folder of checkpoint folders."""
        return self.home / "models"

    def archive_dir(self, collection: str) -> "FilePath":
        """Folder of one collection's Parquet parts: in the home, or under ``archive_url``."""
        return self.archive_root / collection

    @property
    def archive_root(self) -> "FilePath":
        """Folder of the folders of all collections.

        Raises:
            SettingsError: ``archive_url`` names what cannot be opened.
        """
        if self.archive_url is None:
            return self.home / "archive"
        from ingest.archive.files import open_folder

        return open_folder(self.archive_url, self.archive_options.get_secret_value() if self.archive_options else {})

    def index_dir(self, collection: str) -> Path:
        """Folder of one collection's embedded index."""
        return self.home / "index" / collection

    def field_dir(self, collection: str) -> Path:
        """Folder of one collection's field: columns from which every tile is scored."""
        return self.home / "field" / collection

    def lock_path(self, collection: str) -> Path:
        """File whose lock says that somebody ingests into the collection."""
        return self.home / "locks" / f"{collection}.lock"

    def reading(self, *, cached: bool = True, offline: bool = False) -> dict[str, Any]:
        """How imagery is read here: fields of `ingest.sources.source.SourceOptions` that no job keeps.

        Args:
            cached: Map tiles that were fetched before are not fetched again.
            offline: Nothing is fetched from anywhere.
        """
        hosts = () if offline else self.allowed_hosts
        return {
            "cache_dir": self.cache_dir / "tiles" if cached else None,
            "cache_bytes": self.tile_cache_bytes,
            "beyond": (*hosts, *map(str, self.allowed_folders)),
            "offline": offline,
        }

    @property
    def cache_dir(self) -> Path:
        """Folder of what can be fetched or computed again."""
        return self.home / "cache"

    @property
    def places_dir(self) -> Path:
        """Folder of the gazetteer's files, which are made on first use."""
        return self.places or self.cache_dir / "places"


def resolve_home(home: Path | None) -> Path:
    """The home folder: the argument, else ``GROUNDCAST_HOME``, else ``~/.groundcast``; absolute, without ``..``."""
    given = (home or Path(os.environ.get(f"{PREFIX}HOME") or DEFAULT_HOME)).expanduser()
    # one folder, one name, from wherever it is called: paths below it are kept as where things come from
    return Path(os.path.abspath(given))  # noqa: PTH100 - a link keeps the name by which older homes know it


def load_settings(home: Path | None = None) -> Settings:
    """Reads the settings of a home folder, which need not exist yet.

    Raises:
        SettingsError: An unknown key or an invalid value in the environment or in ``settings.toml``.
    """
    folder = resolve_home(home)
    file = folder / FILE_NAME
    from_environment = _environment(os.environ)
    try:
        # the argument first, then the environment, then the file
        return Settings.model_validate(_read_file(file) | from_environment | {"home": folder})
    except ValidationError as error:
        raise SettingsError(_first_problem(error, file, from_environment)) from error


def _read_file(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        values = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: not valid TOML ({error}); mend or remove it") from error
    known = set(Settings.model_fields) - {"home"}
    for key in values:
        if key not in known:
            raise SettingsError(f"{file}: unknown setting {key!r}; known are {', '.join(sorted(known))}")
    return values


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings that the environment gives, by name; unknown ones are errors."""
    given = {key: value for key, value in environment.items() if key.startswith(PREFIX)}
    found = {key.removeprefix(PREFIX).lower(): given[key] for key in sorted(given) if not key.startswith(TEST_PREFIX)}
    for name in found:
        if name not in Settings.model_fields:
            known = ", ".join(f"{PREFIX}{field.upper()}" for field in Settings.model_fields)
            raise SettingsError(f"environment: unknown setting {PREFIX}{name.upper()}; known are {known}")
    return found


def _first_problem(error: ValidationError, file: Path, from_environment: Mapping[str, str]) -> str:
    problem = error.errors()[0]
    key = str(problem["loc"][0])
    place = f"environment {PREFIX}{key.upper()}" if key in from_environment else f"{file}: {key}"
    # an address may hold a password although its setting is not secret
    shown = key not in SECRETS and not (isinstance(problem["input"], str) and "@" in problem["input"])
    value = repr(problem["input"]) if shown else "…"
    return f"{place} = {value}: {problem['msg']}"
