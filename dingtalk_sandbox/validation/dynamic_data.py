"""Validation of the dynamic data sources of a card ("0783", card "01/0008"). Pure functions."""

from typing import Any

from dingtalk_sandbox.errors import Json, api_error

STRATEGIES = {"NONE", "INTERVAL", "ONCE", "RENDER"}
SECONDS = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600, "DAYS": 86_400}
MIN_INTERVAL_SECONDS = 3
"""Shortest interval of "0783". The guide for cards has 6 s."""


def parse_dynamic_data(given: Any) -> list[Json]:
    """Return the data sources of `openDynamicDataConfig`. Raises `ApiError` with the code of the field."""
    if given is None:
        return []
    listed = given.get("dynamicDataSourceConfigs") if isinstance(given, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise api_error("param.dynamicDataMappingEmpty", "dynamicDataSourceConfigs")
    for source in listed:
        _check_source(source)
    return listed


def _check_source(source: Json) -> None:
    if not isinstance(source.get("dynamicDataSourceId"), str) or not source["dynamicDataSourceId"]:
        raise api_error("param.dynamicSourceIdEmpty")
    if not isinstance(source.get("constParams") or {}, dict):
        raise api_error("param.invalid", "constParams")
    pull = source.get("pullConfig")
    if not isinstance(pull, dict) or not pull:
        raise api_error("param.dynamicDataPullConfigEmpty")
    strategy = pull.get("pullStrategy")
    if not strategy:
        raise api_error("param.dynamicDataSourcePullStrategyEmpty")
    if not isinstance(strategy, str) or strategy not in STRATEGIES:
        raise api_error("param.invalid", "pullStrategy")
    if strategy == "INTERVAL":
        _check_interval(pull)


def _check_interval(pull: Json) -> None:
    unit, interval = pull.get("timeUnit"), pull.get("interval")
    if not isinstance(unit, str) or unit not in SECONDS:
        raise api_error("param.dynamicDataPullIntervalTimeUnitInvalid")
    if type(interval) is not int or interval * SECONDS[unit] < MIN_INTERVAL_SECONDS:
        raise api_error("param.dynamicDataPullIntervalInvalid")
