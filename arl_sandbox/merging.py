"""Merging of several tasks' results, as the fork does it, in the order of the tasks. Pure functions."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Json = dict[str, Any]

PORT_FIELDS = ("port_id", "service_name", "product", "version")


def merge_results(found: Mapping[str, Iterable[Json]]) -> dict[str, list[Json]]:
    """Merge results into one document per address, domain and site, sorted as text."""
    return {
        "ip": _merge_by(found["ip"], "ip", _join_ip),
        "domain": _merge_by(found["domain"], "domain", _join_domain),
        "site": _merge_by(found["site"], "site", _join_site),
    }


def _merge_by(documents: Iterable[Json], key: str, join: Callable[[Json, Json], Json]) -> list[Json]:
    kept: dict[str, Json] = {}
    for each in documents:
        name = str(each.get(key) or each.get("url"))
        kept[name] = join(kept[name], each) if name in kept else each
    return [kept[name] for name in sorted(kept)]


def _join_ip(old: Json, new: Json) -> Json:
    """Merge two addresses. The first non-empty value wins. A port with two banners stays twice."""
    firsts = ("geo_city", "geo_asn", "os_info", "cdn_name", "ip_type")
    ports = {
        tuple(port.get(name) for name in PORT_FIELDS): port for port in [*new["port_info"], *old["port_info"]]
    }
    names = sorted({*(old.get("domain") or []), *(new.get("domain") or [])})
    return old | _first_values(firsts, old, new) | {"port_info": list(ports.values()), "domain": names}


def _join_domain(old: Json, new: Json) -> Json:
    return old | {name: sorted({*old[name], *new[name]}) for name in ("record", "ips")}


def _join_site(old: Json, new: Json) -> Json:
    fingers = {each["name"]: each for each in [*new["finger"], *old["finger"]]}
    icon = old.get("favicon") or {}
    chosen = {"finger": list(fingers.values()), "favicon": icon if "hash" in icon else new.get("favicon")}
    return old | _first_values(("title", "status"), old, new) | chosen


def _first_values(names: Iterable[str], old: Json, new: Json) -> Json:
    return {name: old.get(name) or new.get(name) for name in names}
