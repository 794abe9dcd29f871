"""Build the discovery of runs for each engine that triggers runs itself."""

from collections.abc import Mapping

from bot.config.loader import Settings
from bot.models import Clock
from bot.ports import Engine, Store
from bot.runs.discovery import DiscoveryWindow, RunDiscovery
from bot.runs.lifecycle import Runs


def build_discoveries(
    settings: Settings, store: Store, engine: Engine, runs: Runs, *, clock: Clock
) -> Mapping[str, RunDiscovery]:
    """Build one discovery for each engine that triggers runs itself, by the name of the engine."""
    found = {}
    for name, part in engine.parts.items():
        if part.has_own_scheduler:
            notify_max_age, initial_lookback = settings.engine_sections[name].discovery_limits
            window = DiscoveryWindow(notify_max_age=notify_max_age, initial_lookback=initial_lookback)
            found[name] = RunDiscovery(store, part, runs, clock=clock, window=window)
    return found
