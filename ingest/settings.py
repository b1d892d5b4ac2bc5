"""Where state lives and how the machine is used: `Settings`, read once by a door and passed down.

Order of precedence: arguments of the door (``--home``), environment (``GROUNDCAST_…``), ``settings.toml`` in the home
folder, defaults. An unknown key anywhere is an error. It knows nothing of training; that is `TrainConfig`'s.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from trainer.errors import SettingsError

PREFIX = "GROUNDCAST_"
FILE_NAME = "settings.toml"
DEFAULT_HOME = Path("~/.groundcast")
TEST_PREFIX = "GROUNDCAST_TEST_"  # belongs to the test run

Precision = Literal["auto", "float32", "compiled", "bfloat16", "bfloat16-compiled", "int8", "int8-compiled"]


class Settings(BaseSettings):
    """Every setting, with its default.

    Raises:
        SettingsError: from `load_settings` only, which is how a door builds this class.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    home: Path = Field(description="Folder that holds all state: catalog, models, archive, index.")
    read_threads: int = Field(2, ge=1, le=256, description="Threads that read imagery ahead of the model.")
    batch_size: int = Field(32, ge=1, le=4096, description="Images in one pass through the model.")
    chunk_size: int = Field(256, ge=1, le=10_000, description="Items in one chunk, that is, in one archive part.")
    precision: Precision = Field("auto", description="Arithmetic of the model; see `groundcast ingest --help`.")
    device: str | None = Field(None, description="Device of the model, such as cpu or cuda:0; chosen when missing.")
    exact_tiles: int = Field(
        5_000_000, ge=0, description="Up to so many tiles every one is scored exactly; above, candidates of the index."
    )
    places: Path | None = Field(None, description="Folder of the table of the world's places; homes may share one.")
    qdrant_url: str | None = Field(None, description="A Qdrant server; without it the index is embedded.")
    qdrant_api_key: SecretStr | None = Field(None, description="Key of that server.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment; the file arrives as defaults through `load_settings`."""
        return init_settings, env_settings

    @property
    def catalog_path(self) -> Path:
        """SQLite file of the catalog."""
        return self.home / "catalog.sqlite"

    @property
    def models_dir(self) -> Path:
        """Folder of checkpoint folders."""
        return self.home / "models"

    def archive_dir(self, collection: str) -> Path:
        """Folder of one collection's Parquet parts."""
        return self.home / "archive" / collection

    def index_dir(self, collection: str) -> Path:
        """Folder of one collection's embedded index."""
        return self.home / "index" / collection

    def field_dir(self, collection: str) -> Path:
        """Folder of one collection's field: columns from which every tile is scored."""
        return self.home / "field" / collection

    def lock_path(self, collection: str) -> Path:
        """File whose lock says that somebody ingests into the collection."""
        return self.home / "locks" / f"{collection}.lock"

    @property
    def cache_dir(self) -> Path:
        """Folder of what can be fetched or computed again."""
        return self.home / "cache"

    @property
    def places_dir(self) -> Path:
        """Folder of the gazetteer's files, which are made on first use."""
        return self.places or self.cache_dir / "places"


def resolve_home(home: Path | None) -> Path:
    """The home folder: the argument, else ``GROUNDCAST_HOME``, else ``~/.groundcast``."""
    return (home or Path(os.environ.get(f"{PREFIX}HOME") or DEFAULT_HOME)).expanduser().absolute()


def load_settings(home: Path | None = None) -> Settings:
    """Reads the settings of a home folder, which need not exist yet.

    Raises:
        SettingsError: An unknown key or an invalid value in the environment or in ``settings.toml``.
    """
    folder = resolve_home(home)
    file = folder / FILE_NAME
    from_file = _read_file(file)
    from_environment = _environment_keys(os.environ)
    chosen = {key: value for key, value in from_file.items() if key not in from_environment}
    try:
        return Settings(home=folder, **chosen)
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


def _environment_keys(environment: Mapping[str, str]) -> set[str]:
    """Names of settings that the environment gives, lower case; unknown ones are errors."""
    given = {key for key in environment if key.startswith(PREFIX) and not key.startswith(TEST_PREFIX)}
    names = {key.removeprefix(PREFIX).lower() for key in given}
    for name in sorted(names):
        if name not in Settings.model_fields:
            known = ", ".join(f"{PREFIX}{field.upper()}" for field in Settings.model_fields)
            raise SettingsError(f"environment: unknown setting {PREFIX}{name.upper()}; known are {known}")
    return names


def _first_problem(error: ValidationError, file: Path, from_environment: set[str]) -> str:
    problem = error.errors()[0]
    key = str(problem["loc"][0])
    place = f"environment {PREFIX}{key.upper()}" if key in from_environment else f"{file}: {key}"
    value = "…" if "key" in key else repr(problem["input"])
    return f"{place} = {value}: {problem['msg']}"
