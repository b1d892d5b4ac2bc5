import traceback
from pathlib import Path

import pytest

from ingest.settings import Settings, load_settings
from trainer.errors import SettingsError


def test_defaults_need_no_file_and_no_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("GROUNDCAST_HOME", raising=False)
    settings = load_settings(tmp_path / "none")
    assert settings.home == tmp_path / "none"
    assert not settings.home.exists()


def test_a_home_has_one_name_from_wherever_it_is_called(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert load_settings(Path("../home")).home == load_settings(tmp_path / "home").home == tmp_path / "home"


def test_the_environment_wins_over_the_file(tmp_path, monkeypatch):
    (tmp_path / "settings.toml").write_text("batch_size = 8\nread_threads = 5\n")
    monkeypatch.setenv("GROUNDCAST_BATCH_SIZE", "16")
    settings = load_settings(tmp_path)
    assert (settings.batch_size, settings.read_threads) == (16, 5)


def test_an_unknown_key_in_the_file_is_an_error_that_lists_the_known_ones(tmp_path):
    (tmp_path / "settings.toml").write_text("batch_sise = 8\n")
    with pytest.raises(SettingsError, match=r"settings.toml: unknown setting 'batch_sise'; known are .*batch_size"):
        load_settings(tmp_path)


def test_an_unknown_variable_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("GROUNDCAST_BATCHSIZE", "8")
    with pytest.raises(SettingsError, match="unknown setting GROUNDCAST_BATCHSIZE"):
        load_settings(tmp_path)


@pytest.mark.parametrize("text", ["batch_size = 0", 'batch_size = "many"', 'precision = "float8"'])
def test_an_invalid_value_names_file_and_key(tmp_path, text):
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(SettingsError, match=r"settings.toml: (batch_size|precision) = "):
        load_settings(tmp_path)


def test_broken_toml_is_an_error_with_its_place(tmp_path):
    (tmp_path / "settings.toml").write_text("batch_size 8")
    with pytest.raises(SettingsError, match=r"settings.toml: not valid TOML .*line 1"):
        load_settings(tmp_path)


def test_the_key_of_a_server_is_never_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("GROUNDCAST_QDRANT_API_KEY", "sesame")
    settings = load_settings(tmp_path)
    assert "sesame" not in repr(settings) + str(settings.model_dump_json())
    assert settings.qdrant_api_key is not None
    assert settings.qdrant_api_key.get_secret_value() == "sesame"


@pytest.mark.parametrize(
    "text",
    [
        'database_url = "postgresql://me:sesame@host/db"\nredis_url = "redis://:sesame@host:6379/0"',
        'archive_url = "s3://bucket/here"\n[archive_options]\nkey = "me"\nsecret = "sesame"',
    ],
)
def test_what_authorises_is_never_shown(tmp_path, text):
    (tmp_path / "settings.toml").write_text(text)
    settings = load_settings(tmp_path)
    assert "sesame" not in repr(settings) + str(settings.model_dump_json()) + str(settings.model_dump())


@pytest.mark.parametrize(
    "text",
    [
        'qdrant_url = "https://me:sesame@host"',
        'archive_url = "sftp://me:sesame@host/folder"',
        "redis_url = ['redis://:sesame@host']",
        "archive_options = ['sesame']",
    ],
)
def test_a_wrong_secret_is_not_quoted_in_its_error(tmp_path, text):
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path)
    assert "sesame" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("setting", ["database_url", "redis_url", "qdrant_url", "archive_url", "webhook_url"])
@pytest.mark.parametrize(
    "password", ["ses@me", "sesame/12@3", "12/sesame", "ses?me", "ses#me", "[sesame", "ses ame", "sesame\n"]
)
def test_a_password_that_would_end_early_is_refused_with_what_to_write_and_nothing_of_it(
    tmp_path, monkeypatch, setting, password
):
    monkeypatch.setenv(f"GROUNDCAST_{setting.upper()}", f"scheme://me:{password}@host.example/name")
    with pytest.raises(SettingsError, match=f"{setting.upper()} = …: .*write @ as %40") as caught:
        load_settings(tmp_path)
    told = "".join(traceback.format_exception(caught.value))
    assert not any(part in told for part in ("ses", "ame", "12", "host.example")), told


@pytest.mark.parametrize("key", ["sesame\n", " sesame", "ses\x01ame", "sésame"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_quoted(tmp_path, monkeypatch, key):
    monkeypatch.setenv("GROUNDCAST_QDRANT_API_KEY", key)
    with pytest.raises(SettingsError, match=r"QDRANT_API_KEY = …: .*printable ASCII") as caught:
        load_settings(tmp_path)
    assert not any(part in "".join(traceback.format_exception(caught.value)) for part in ("ses", "ame"))


def test_a_password_in_the_code_of_addresses_is_the_password(tmp_path, monkeypatch):
    monkeypatch.setenv("GROUNDCAST_REDIS_URL", "redis://:a%40b:c@host/0")
    assert load_settings(tmp_path).redis_url.get_secret_value() == "redis://:a%40b:c@host/0"


def test_certificates_of_redis_are_checked_unless_somebody_says_otherwise_in_either_spelling(tmp_path, monkeypatch):
    for given, taken in (
        ("", "required"),
        ("?ssl_cert_reqs=CERT_OPTIONAL", "optional"),
        ("?ssl_cert_reqs=none", "none"),
    ):
        monkeypatch.setenv("GROUNDCAST_REDIS_URL", f"rediss://host/0{given}")
        assert load_settings(tmp_path).redis_url.get_secret_value() == f"rediss://host/0?ssl_cert_reqs={taken}"
    for given, told in (("ssl_cert_reqs=often", "required, optional and none"), ("ssl_ca_certs=/no.pem", "no file")):
        monkeypatch.setenv("GROUNDCAST_REDIS_URL", f"rediss://host/0?{given}")
        with pytest.raises(SettingsError, match=told):
            load_settings(tmp_path)


def test_tables_and_lists_of_the_environment_are_json(tmp_path, monkeypatch):
    monkeypatch.setenv("GROUNDCAST_ARCHIVE_OPTIONS", '{"key": "me"}')
    monkeypatch.setenv("GROUNDCAST_ALLOWED_HOSTS", '["tiles.example.org"]')
    settings = load_settings(tmp_path)
    assert settings.archive_options is not None
    assert settings.archive_options.get_secret_value() == {"key": "me"}
    assert settings.allowed_hosts == ("tiles.example.org",)
    monkeypatch.setenv("GROUNDCAST_ALLOWED_HOSTS", "tiles.example.org")
    with pytest.raises(SettingsError, match="write lists as JSON"):
        load_settings(tmp_path)


def test_settings_cannot_be_changed_once_read(tmp_path):
    settings = Settings(home=tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        settings.batch_size = 3
