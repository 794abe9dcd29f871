"""Asset kinds, each defined once: fields, merge key, names and highlights. Pure.

A kind is named after ARL's collection. Their order here is their importance, and that of lists and charts.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from bot.assets.external_sort import Key
from bot.assets.values import Document, mapping, text

FINGERPRINTS = ("sha256", "sha1", "md5")
HARMLESS_RECORDS = frozenset({"domain", "domain_url", "email", "host", "ip", "path", "phone", "site", "url"})
"""Record types of WIH that are no secrets. All others count as keys."""


@dataclass(frozen=True, kw_only=True)
class AssetKind:
    """One kind of asset.

    - `fields`: the fields to read of a document. `a.b` is the field `b` of `a`, or of each of its items.
    - `whole`: top-level fields that a query must select whole, since they may hold text instead of documents.
    - `key`: documents with the same key are one asset, which becomes one row and counts once.
    - `highlights`: the names in `HIGHLIGHTS` that a document belongs to; empty when it needs no attention.
    """

    name: str
    fields: Sequence[str]
    key: Callable[[Document], Key]
    whole: Collection[str] = ()
    highlights: Callable[[Document], Sequence[str]] = lambda _: ()

    @property
    def projection(self) -> Sequence[str]:
        """Return the fields to select in a database query."""
        names = {field: field.partition(".")[0] for field in self.fields}
        return tuple(dict.fromkeys(name if name in self.whole else field for field, name in names.items()))

    @property
    def columns(self) -> Sequence[str]:
        """Return the top-level names of the fields."""
        return tuple(name for name, _ in _paths(tuple(self.fields)))

    def slimmed(self, document: Document) -> Document:
        """Return the document with only the fields that are read."""
        return select_fields(document, self.fields)


def key_from(*names: str) -> Callable[[Document], Key]:
    """Build a key function from field names."""
    if len(names) == 1:
        (name,) = names
        return lambda document: (text(document.get(name)),)
    return lambda document: tuple(text(document.get(name)) for name in names)


def is_keyless(key: Key) -> bool:
    """Return whether a key is empty, so that it identifies no document."""
    return not any(part.strip(":") for part in key)


def site_key(document: Document) -> Key:
    """Return the URL of a site, which the embedded engine may store in `url`."""
    return (text(document.get("site") or document.get("url")),)


def cert_key(document: Document) -> Key:
    """Return the fingerprint of a certificate, or the endpoint where it was seen."""
    prints = mapping(mapping(document.get("cert")).get("fingerprint"))
    return (next((text(prints[name]) for name in FINGERPRINTS if prints.get(name)), endpoint(document)),)


def endpoint(document: Document) -> str:
    """Return `address:port`."""
    return f"{text(document.get('ip'))}:{text(document.get('port'))}"


def _vuln_highlights(document: Document) -> Sequence[str]:
    return ("vuln", "weak_password") if document.get("plg_type") == "brute" else ("vuln",)


def _nuclei_highlights(document: Document) -> Sequence[str]:
    return () if text(document.get("vuln_severity")).lower() == "info" else ("nuclei_risk",)


def _wih_highlights(document: Document) -> Sequence[str]:
    return () if text(document.get("record_type")).lower() in HARMLESS_RECORDS else ("leaked_key",)


ASSET_KINDS: Mapping[str, AssetKind] = {kind.name: kind for kind in (
    AssetKind(
        name="vuln",
        fields=("target", "vul_name", "plg_name", "plg_type", "app_name", "verify_data", "save_date"),
        key=key_from("target", "plg_name", "vul_name"),
        highlights=_vuln_highlights,
    ),
    AssetKind(
        name="nuclei_result",
        fields=("vuln_url", "vuln_name", "vuln_severity", "template_id", "target", "save_date"),
        key=key_from("vuln_url", "template_id", "vuln_name"),
        highlights=_nuclei_highlights,
    ),
    AssetKind(
        name="fileleak",
        fields=("url", "title", "status_code", "content_length", "site"),
        key=key_from("url"),
        highlights=lambda _: ("fileleak",),
    ),
    AssetKind(
        name="wih",  # codespell:ignore
        fields=("record_type", "content", "source", "site"),
        key=key_from("record_type", "content", "site"),
        highlights=_wih_highlights,
    ),
    AssetKind(
        name="site",
        fields=("site", "url", "title", "finger.name", "status", "favicon.hash"),
        key=site_key,
        whole={"finger"},
    ),
    AssetKind(
        name="ip",
        fields=("ip", "port_info", "geo_city", "geo_asn", "domain", "os_info.name", "cdn_name", "ip_type"),
        key=key_from("ip"),
    ),
    AssetKind(
        name="service",
        fields=("service_name", "service_info"),
        key=key_from("service_name"),
    ),
    AssetKind(
        name="domain",
        fields=("domain", "type", "record", "ips"),
        key=key_from("domain"),
    ),
    AssetKind(
        name="npoc_service",
        fields=("host", "port", "scheme", "target", "save_date"),
        key=key_from("host", "port", "scheme"),
    ),
    AssetKind(
        name="cert",
        fields=(
            "ip", "port", "cert.subject_dn", "cert.issuer_dn", "cert.names", "cert.validity",
            "cert.signature_algorithm", "cert.serial_number", "cert.fingerprint",
            "cert.extensions.subjectAltName",
        ),
        key=cert_key,
    ),
    AssetKind(
        name="url",
        fields=("url", "title", "status_code", "content_length", "source"),
        key=key_from("url"),
    ),
    AssetKind(
        name="stat_finger",
        fields=("name", "cnt"),
        key=key_from("name"),
    ),
    AssetKind(
        name="cip",
        fields=("cidr_ip", "ip_list", "domain_list"),
        key=key_from("cidr_ip"),
    ),
)}  # fmt: skip

REPORTED_KINDS: Mapping[str, AssetKind] = {
    name: kind for name, kind in ASSET_KINDS.items() if name != "service"
}
"""The kinds that a report reads from an engine. Services are the open ports of `ip`, as in ARL's export."""

HIGHLIGHTS = ("vuln", "weak_password", "nuclei_risk", "fileleak", "leaked_key")
"""Assets that need attention, the most important first. Some are only a part of their kind."""

INCLUDED_IN = {"weak_password": "vuln"}
"""Highlights whose assets are also counted in another one."""

IMPORTANCE: Mapping[str, int] = {name: rank for rank, name in enumerate(ASSET_KINDS)}


def by_importance(kind: str) -> tuple[int, str]:
    """Return a sort key: the most important kind first, unknown kinds last by name."""
    return (IMPORTANCE.get(kind, len(IMPORTANCE)), kind)


def select_fields(document: Document, fields: Sequence[str]) -> dict[str, Any]:
    """Return a document with only these fields. `a.b` is the field `b` of `a`, or of each of its items."""
    return {
        name: _inside(document[name], inner) if inner else document[name]
        for name, inner in _paths(tuple(fields))
        if name in document
    }


@cache
def _paths(fields: tuple[str, ...]) -> Sequence[tuple[str, tuple[str, ...]]]:
    """Return the top-level names with their inner fields. No inner fields mean the whole value."""
    inner: dict[str, tuple[str, ...]] = {}
    for field in fields:
        name, _, rest = field.partition(".")
        inner[name] = (*inner.get(name, ()), *([rest] if rest else []))
    return tuple(inner.items())


def _inside(value: object, fields: tuple[str, ...]) -> object:
    if isinstance(value, dict):
        return select_fields(value, fields)
    if isinstance(value, list):
        return [each if isinstance(each, str) else _inside(each, fields) for each in value]
    return None
