"""Settings from files: credentials of systemd, and secrets of Docker or Kubernetes."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.config.loader import describe_source, load, secret_files
from bot.config.loader.secret_files import MAX_BYTES
from bot.errors import ConfigError

APP_SECRET = "DINGRUN_DINGDING__APP_SECRET"  # noqa: S105 - a name


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """Folders of their own instead of those of this machine."""

    folder: Path
    of_container: Path

    def write(self, name: str, content: str) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode())
        return path


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Secrets:
    found = Secrets(folder=tmp_path / "credentials", of_container=tmp_path / "secrets")
    found.folder.mkdir()
    found.of_container.mkdir()
    monkeypatch.setattr(secret_files, "CONTAINER_FOLDER", found.of_container)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(found.folder))
    return found


def app_secret(config: Path) -> str:
    secret = load(config).dingding.app_secret
    assert secret is not None
    return secret.get_secret_value()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("DINGDING: {APP_KEY: k, APP_SECRET: of-the-settings}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "content", ["of-the-file", "of-the-file\n", "of-the-file\r\n", "\ufeffof-the-file\n"]
)
def test_a_file_gives_a_secret_without_the_line_feed(secrets: Secrets, config: Path, content: str) -> None:
    secrets.write(APP_SECRET, content)
    assert app_secret(config) == "of-the-file"


def test_blanks_belong_to_the_secret(secrets: Secrets, config: Path) -> None:
    secrets.write(APP_SECRET, " of the file \n")
    assert app_secret(config) == " of the file "


def test_the_variable_wins_over_the_file_and_a_credential_over_a_container_secret(
    secrets: Secrets, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert app_secret(config) == "of-the-settings"
    (secrets.of_container / APP_SECRET.lower()).write_text("of-the-container")
    assert app_secret(config) == "of-the-container"
    secrets.write(APP_SECRET, "of-systemd")
    assert app_secret(config) == "of-systemd"
    monkeypatch.setenv(APP_SECRET, "")
    assert app_secret(config) == "of-systemd"
    monkeypatch.setenv(APP_SECRET, "of-the-variable")
    assert app_secret(config) == "of-the-variable"


def test_secrets_of_named_sections_come_from_files_too(secrets: Secrets, config: Path) -> None:
    secrets.write("DINGRUN_NOTIFY__WEBHOOKS__OPS__ACCESS_TOKEN", "tok")
    secrets.write("DINGRUN_NOTIFY__OPERATORS", '["user:manager01", "json://me:pass@example.com"]')
    notify = load(config).notify
    assert notify.webhooks["ops"].access_token.get_secret_value() == "tok"
    assert len(notify.operators) == 2


def test_files_that_are_not_ours_are_left_alone(secrets: Secrets, config: Path) -> None:
    secrets.write("config.yaml", "lang: en")
    secrets.folder.joinpath("other_secret").write_bytes(b"\xff")
    secrets.write("DINGRUN_KEY", "of dingrun-exec, as file:/run/secrets/DINGRUN_KEY")
    assert app_secret(config) == "of-the-settings"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty: write the secret into it, or remove the file"),
        (b"\n", "is empty: write the secret into it, or remove the file"),
        (b"\xff\xfe", "is no text in UTF-8"),
        (b"x" * (MAX_BYTES + 1), f"has more than {MAX_BYTES} bytes"),
    ],
)
def test_a_file_that_cannot_be_a_secret_is_named(
    secrets: Secrets, config: Path, content: bytes, complaint: str
) -> None:
    path = secrets.folder / APP_SECRET
    path.write_bytes(content)
    assert complaints(config) == [f"file {path}: {complaint}"]


def test_a_pipe_is_not_waited_for(secrets: Secrets, config: Path) -> None:
    os.mkfifo(secrets.folder / APP_SECRET)
    assert complaints(config) == [f"file {secrets.folder / APP_SECRET}: is no file"]


def test_a_file_that_must_not_be_read_is_named(
    secrets: Secrets, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = secrets.write(APP_SECRET, "x")
    opened = Path.open

    def refuse(file: Path, *how: Any, **options: Any) -> Any:  # root may read everything
        if file == path:
            raise PermissionError(13, "Permission denied", str(file))
        return opened(file, *how, **options)

    monkeypatch.setattr(Path, "open", refuse)
    assert complaints(config) == [f"file {path}: cannot be read: Permission denied"]


def test_a_file_of_another_name_is_told_with_the_likely_one(secrets: Secrets, config: Path) -> None:
    path = secrets.write("DINGRUN_DINGDING_APP_SECRET", "verysecret")
    assert complaints(config) == [f"file {path} is not a setting; did you mean {APP_SECRET}?"]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("DINGDING__AGENT_ID", "verysecret", "DINGDING.AGENT_ID must be a whole number, got ***"),
        ("STORE__URL", "http://me:verysecret@db", "store.url takes sqlite:///FILE or mongodb://…, got ***"),
        ("TIMEZONE", "verysecret: x", "timezone must be a time zone such as Asia/Shanghai, got ***"),
        ("ACCESS__OPERATORS", "verysecret", "access.operators must be a list in JSON, got ***"),
        ("LANG", "verysecret", "lang must be 'zh-CN' or 'en', got ***"),
        ("WEB__STATUS_TOKEN", "verysecret", "web.status_token takes at least 16 characters"),
    ],
)
def test_an_error_names_the_file_and_shows_nothing_of_it(
    secrets: Secrets, config: Path, name: str, content: str, complaint: str
) -> None:
    path = secrets.write(f"DINGRUN_{name}", content)
    assert complaints(config) == [f"file {path}: {complaint}"]


def complaints(config: Path) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load(config)
    assert "verysecret" not in str(refused.value)
    return str(refused.value).splitlines()


def test_what_was_read_is_told_by_name(
    secrets: Secrets, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = secrets.write(APP_SECRET, "verysecret")
    secrets.write("DINGRUN_LANG", "en")
    monkeypatch.setenv("DINGRUN_LANG", "zh-CN")
    assert describe_source(config) == (
        f"{config}; 环境变量 / environment: DINGRUN_LANG; 密钥文件 / secret files: {path}"
    )


@pytest.mark.parametrize("folder", ["missing", "config.yaml"])
def test_a_folder_that_cannot_be_listed_has_no_secrets(
    secrets: Secrets, config: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    secrets.write(APP_SECRET, "of-the-file")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(config.with_name(folder)))
    assert app_secret(config) == "of-the-settings"
