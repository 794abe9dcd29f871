"""Sheets of the asset kinds that ARL's own export leaves out. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from bot.assets.kinds import ASSET_KINDS, FINGERPRINTS, by_importance, endpoint
from bot.assets.values import (
    LINE_BREAK,
    Document,
    endpoint_order,
    first,
    first_number,
    ip_order,
    items,
    mapping,
    moment,
    number,
    text,
    union,
    unique,
    utc,
)
from bot.workbook.masking import join_masked, masked_content, masked_evidence
from bot.workbook.severities import parse_severity
from bot.workbook.sheets import ARL_SHEETS, KindSheet, Row, SheetLayout
from cards.catalogue import display_name, load_words


def url_row(documents: Sequence[Document]) -> Row:
    return (
        text(first(documents, "url")),
        text(first(documents, "title")),
        first_number(documents, "status_code"),
        first_number(documents, "content_length"),
        LINE_BREAK.join(unique(document.get("source") for document in documents)),
    )


def cert_row(documents: Sequence[Document]) -> Row:
    cert = mapping(first(documents, "cert"))
    validity, prints = mapping(cert.get("validity")), mapping(cert.get("fingerprint"))
    return (
        text(cert.get("subject_dn")),
        text(cert.get("issuer_dn")),
        LINE_BREAK.join(unique(items(cert.get("names"))) or [text(_alternative(cert))]),
        LINE_BREAK.join(sorted(unique(map(endpoint, documents)), key=endpoint_order)),
        utc(validity.get("start")),
        utc(validity.get("end")),
        text(cert.get("signature_algorithm")),
        text(cert.get("serial_number")),
        next((text(prints[name]) for name in FINGERPRINTS if prints.get(name)), ""),
    )


def _alternative(cert: Document) -> object:
    return mapping(cert.get("extensions")).get("subjectAltName")


def vuln_row(documents: Sequence[Document]) -> Row:
    return (
        text(first(documents, "target")),
        text(first(documents, "vul_name")),
        text(first(documents, "plg_name")),
        text(first(documents, "plg_type")),
        text(first(documents, "app_name")),
        join_masked(map(masked_evidence, documents)),
        moment(first(documents, "save_date")),
    )


def fileleak_row(documents: Sequence[Document]) -> Row:
    return (
        text(first(documents, "url")),
        text(first(documents, "title")),
        first_number(documents, "status_code"),
        first_number(documents, "content_length"),
        text(first(documents, "site")),
    )


def fingerprint_row(documents: Sequence[Document]) -> Row:
    counts = [count for document in documents if isinstance(count := number(document.get("cnt")), int)]
    return (text(first(documents, "name")), sum(counts))


def wih_row(documents: Sequence[Document]) -> Row:
    return (
        text(first(documents, "record_type")),
        masked_content(documents[0]),
        LINE_BREAK.join(unique(document.get("source") for document in documents)),
        text(first(documents, "site")),
    )


def nuclei_row(documents: Sequence[Document]) -> Row:
    """Build a row without `curl_command`, which may hold credentials."""
    return (
        text(first(documents, "vuln_url")),
        text(first(documents, "vuln_name")),
        parse_severity(documents, "vuln_severity"),
        text(first(documents, "template_id")),
        text(first(documents, "target")),
        moment(first(documents, "save_date")),
    )


def network_row(documents: Sequence[Document]) -> Row:
    addresses, names = union(documents, "ip_list"), union(documents, "domain_list")
    return (
        text(first(documents, "cidr_ip")),
        len(addresses),
        len(names),
        LINE_BREAK.join(sorted(addresses, key=ip_order)),
        LINE_BREAK.join(names),
    )


def npoc_row(documents: Sequence[Document]) -> Row:
    return (
        text(first(documents, "host")),
        number(first(documents, "port")),
        text(first(documents, "scheme")),
        text(first(documents, "target")),
        moment(first(documents, "save_date")),
    )


EXTRA_SHEETS: dict[str, KindSheet] = {
    "url": KindSheet(
        asset=ASSET_KINDS["url"],
        layout=SheetLayout(
            title="url",
            header=("URL", "title", "status", "length", "source"),
            widths=(60, 40, 10, 12, 20),
            volatile_columns=frozenset({"length"}),
        ),
        row=url_row,
    ),
    "cert": KindSheet(
        asset=ASSET_KINDS["cert"],
        layout=SheetLayout(
            title="cert",
            header=(
                "subject", "issuer", "names", "addresses", "valid_from", "valid_until", "algorithm",
                "serial_number", "fingerprint",
            ),
            widths=(40, 40, 40, 24, 24, 24, 18, 44, 68),
            name_columns=(0, 8),
        ),
        row=cert_row,
    ),
    "vuln": KindSheet(
        asset=ASSET_KINDS["vuln"],
        layout=SheetLayout(
            title="vuln",
            header=("target", "vulnerability", "plugin", "type", "product", "evidence", "found_at"),
            widths=(36, 40, 30, 10, 20, 60, 24),
            volatile_columns=frozenset({"found_at"}),
            name_columns=(0, 1),
        ),
        row=vuln_row,
    ),
    "fileleak": KindSheet(
        asset=ASSET_KINDS["fileleak"],
        layout=SheetLayout(
            title="fileleak",
            header=("URL", "title", "status", "length", "site"),
            widths=(60, 40, 10, 12, 35),
            volatile_columns=frozenset({"length"}),
        ),
        row=fileleak_row,
    ),
    "stat_finger": KindSheet(
        asset=ASSET_KINDS["stat_finger"],
        layout=SheetLayout(
            title="stat_finger", header=("fingerprint", "sites"), widths=(40, 12)
        ),
        row=fingerprint_row,
    ),
    "wih": KindSheet(
        asset=ASSET_KINDS["wih"],
        layout=SheetLayout(
            title="wih",
            header=("type", "content", "source", "site"),
            widths=(20, 60, 60, 35),
            name_columns=(0, 1),
        ),
        row=wih_row,
    ),
    "nuclei_result": KindSheet(
        asset=ASSET_KINDS["nuclei_result"],
        layout=SheetLayout(
            title="nuclei_result",
            header=("URL", "vulnerability", "severity", "template", "target", "found_at"),
            widths=(60, 40, 12, 30, 36, 24),
            volatile_columns=frozenset({"found_at"}),
            name_columns=(0, 1),
        ),
        row=nuclei_row,
        severity="vuln_severity",
    ),
    "cip": KindSheet(
        asset=ASSET_KINDS["cip"],
        layout=SheetLayout(
            title="cip",
            header=("network", "address_count", "name_count", "IP", "names"),
            widths=(20, 10, 10, 40, 50),
        ),
        row=network_row,
    ),
    "npoc_service": KindSheet(
        asset=ASSET_KINDS["npoc_service"],
        layout=SheetLayout(
            title="npoc_service",
            header=("host", "port", "protocol", "target", "found_at"),
            widths=(30, 10, 16, 40, 24),
            volatile_columns=frozenset({"found_at"}),
            name_columns=(0, 1, 2),
        ),
        row=npoc_row,
    ),
}  # fmt: skip

KIND_SHEETS = dict(sorted((ARL_SHEETS | EXTRA_SHEETS).items(), key=lambda item: by_importance(item[0])))
"""The sheets of all kinds, in the order of the workbook and of 变化."""


def localized(kind: KindSheet, lang: str, zone: str) -> KindSheet:
    """Return the sheet of a kind in a language, with the time zone in its headers.

    The layouts above have keys of `cards/words/columns.yaml`, or labels that are the same in all languages.
    """
    columns = load_words("columns", lang)

    def label(key: str) -> str:
        return columns.get(key, key).replace("{zone}", zone)

    layout = replace(
        kind.layout,
        title=display_name(kind.asset.name, lang),
        header=[label(key) for key in kind.layout.header],
        volatile_columns=frozenset(map(label, kind.layout.volatile_columns)),
    )
    return replace(kind, layout=layout)
