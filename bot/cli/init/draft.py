"""The settings while they are being collected, and the two files that they end in."""

import os
import shlex
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.cli.init.config_text import normalized, render_settings, without_defaults
from bot.config.loader import DEFAULT_FILE, collect_secrets, validate
from bot.config.loader.environment import find_origins
from bot.config.loader.problems import holds_secret
from bot.config.loader.sources import PREFIX, variable_name
from bot.config.loader.yaml_file import SettingsFile, read_settings_file
from bot.config.reference import settings_below
from bot.config.settings import Settings
from bot.errors import ConfigError
from bot.files import PRIVATE_FILE
from bot.telemetry.logging import configure

SECRETS_FILE = "dingrun.env"
MAX_BACKUPS = 100
SECRETS_HEADER = """\
# Secrets of DingRun, written by dingrun init. systemd takes them by EnvironmentFile=, a shell by
#   set -a; . ./dingrun.env; set +a
"""


@dataclass(kw_only=True)
class Draft:
    """Settings of the file, with the answers so far. Nothing is written before `save`."""

    path: Path
    values: dict[str, Any]
    secrets: dict[tuple[str, ...], str] = field(default_factory=dict, repr=False)
    overriding: Sequence[str] = ()  # variables and secret files, which win over the answers
    known: Settings = field(default_factory=Settings)  # what the file and the environment had before

    @classmethod
    def read(cls, path: Path | None) -> "Draft":
        """Read the settings file and the file of secrets beside it, if they exist. Raises `ConfigError`."""
        chosen = path or Path(DEFAULT_FILE)
        draft = cls(path=chosen, values={}, overriding=[each.name for each in find_origins().values()])
        for name, value in read_variables(draft.secrets_path).items():
            if name.startswith(PREFIX):
                os.environ.setdefault(name, value)
        if chosen.is_file() and chosen.read_bytes().strip():
            draft.values = normalized(read_settings_file(chosen).values)
        return draft

    @property
    def secrets_path(self) -> Path:
        return self.path.parent / SECRETS_FILE

    def get(self, *keys: str) -> Any:
        """Return a value of the file or the answers, or None."""
        value: Any = self.values
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def set(self, *keys: str, value: Any) -> None:
        """Set a value. None removes it."""
        section = self.values
        for key in keys[:-1]:
            inner = section.get(key)
            section[key] = section = dict(inner) if isinstance(inner, Mapping) else {}
        if value is None:
            section.pop(keys[-1], None)
        else:
            section[keys[-1]] = value

    def set_secret(self, *keys: str, value: str) -> None:
        """Set a secret, of which `save` decides in which file it goes. It is masked from now on."""
        self.secrets[keys] = value
        self.mask()

    def mask(self, *more: str) -> None:
        """Mask all secrets of the draft, and more of them, in what is shown and logged."""
        configure("WARNING", secrets=[*collect_secrets(self.known), *self.secrets.values(), *more])

    def settings(self) -> Settings:
        """Validate the draft, with the environment over it. Raises `ConfigError`."""
        with _environment({variable_name(keys): value for keys, value in self.secrets.items()}):
            return validate(SettingsFile(values=without_defaults(self.values)), self.path)

    def save(self, *, separate_secrets: bool) -> list[Path]:
        """Write the files, readable by their owner only, all or none. Returns backups of those that existed.

        With `separate_secrets`, secrets go to `dingrun.env`, also those that the settings file had; else new
        ones go to the settings file.
        """
        secrets = {**(self._secrets_in_file() if separate_secrets else {}), **self.secrets}
        values = Draft(path=self.path, values=normalized(self.values))
        for keys, value in secrets.items():
            values.set(*keys, value=None if separate_secrets else value)
        variables = read_variables(self.secrets_path)
        for keys, value in secrets.items():
            variables.pop(variable_name(keys), None)
            if separate_secrets:
                variables[variable_name(keys)] = value
        texts = {self.path: render_settings(without_defaults(values.values))}
        if variables or self.secrets_path.exists():
            texts[self.secrets_path] = SECRETS_HEADER + "".join(
                f"{name}={shlex.quote(value)}\n" for name, value in variables.items()
            )
        backups = write_files(texts)
        for keys in secrets:
            os.environ.pop(variable_name(keys), None)
        os.environ.update({name: value for name, value in variables.items() if name.startswith(PREFIX)})
        return backups

    def _secrets_in_file(self) -> dict[tuple[str, ...], str]:
        """Return the secrets that the file has. Those of sections with names of their own stay there."""
        places = (
            tuple(each.key.split(".")) for each in settings_below() if holds_secret(each.field.annotation)
        )
        return {keys: value for keys in places if isinstance(value := self.get(*keys), str) and value}


def read_variables(path: Path) -> dict[str, str]:
    """Read lines of NAME=VALUE, as systemd and a shell take them. Raises `ConfigError`."""
    if not path.is_file():
        return {}
    try:
        words = shlex.split(path.read_text(encoding="utf-8"), comments=True)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: takes lines of NAME=VALUE: {error}") from None
    pairs = (word.partition("=") for word in words)
    return {name: value for name, equals, value in pairs if equals}


def write_files(texts: Mapping[Path, str]) -> list[Path]:
    """Write all files or none, whatever interrupts it. Returns the backups of those that had other content.

    Raises `ConfigError` if one cannot be written.
    """
    changed = {path: text for path, text in texts.items() if _content(path) != text}
    with _uninterrupted():
        staged: dict[Path, Path] = {}
        try:
            for path, text in changed.items():
                staged[path] = _stage(path, text)
            backups = [_back_up(path) for path in changed if path.exists()]
            for path, temporary in staged.items():
                temporary.replace(path.resolve())
        except OSError as error:
            raise ConfigError(f"{error.filename}: cannot be written: {error.strerror}") from None
        finally:
            for temporary in staged.values():
                temporary.unlink(missing_ok=True)
    return backups


def _content(path: Path) -> str | None:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8")
    return None


def _stage(path: Path, text: str) -> Path:
    """Write the text to a new file beside the one that it will replace. A symbolic link stays one."""
    number, name = tempfile.mkstemp(dir=path.resolve().parent, prefix=f".{path.name}.")  # mode 0600
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _back_up(path: Path) -> Path:
    """Copy a file to the first free name of `config.yaml.bak`, `config.yaml.bak2` and so on."""
    names = (
        path.with_name(f"{path.name}.bak{number if number > 1 else ''}") for number in range(1, MAX_BACKUPS)
    )
    backup = next((name for name in names if not name.exists()), None)
    if backup is None:
        raise ConfigError(f"{path}.bak: there are {MAX_BACKUPS} backups; move some away")
    shutil.copyfile(path, backup)
    backup.chmod(PRIVATE_FILE)
    return backup


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C while the files are replaced, which takes milliseconds."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
