"""Sheets of the asset kinds that ARL's own export leaves out. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from bot.assets.kinds import ASSET_KINDS, FINGERPRINTS, by_importance, display_name, endpoint
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
from bot.workbook.sheets import ARL_SHEETS, KindSheet, Row, SheetLayout


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
        text(first(documents, "vuln_severity")),
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
            title=ASSET_KINDS["url"].chinese,
            header=("URL", "标题", "状态码", "长度", "来源"),
            widths=(60, 40, 10, 12, 20),
            volatile_columns=frozenset({"长度"}),
        ),
        row=url_row,
    ),
    "cert": KindSheet(
        asset=ASSET_KINDS["cert"],
        layout=SheetLayout(
            title=ASSET_KINDS["cert"].chinese,
            header=(
                "主题", "颁发者", "域名", "地址", "生效（{zone}）", "到期（{zone}）", "签名算法",
                "序列号", "指纹",
            ),
            widths=(40, 40, 40, 24, 24, 24, 18, 44, 68),
            name_columns=(0, 8),
        ),
        row=cert_row,
    ),
    "vuln": KindSheet(
        asset=ASSET_KINDS["vuln"],
        layout=SheetLayout(
            title=ASSET_KINDS["vuln"].chinese,
            header=("目标", "漏洞", "插件", "类型", "应用", "验证信息", "发现时间（{zone}）"),
            widths=(36, 40, 30, 10, 20, 60, 24),
            volatile_columns=frozenset({"发现时间（{zone}）"}),
            name_columns=(0, 1),
        ),
        row=vuln_row,
    ),
    "fileleak": KindSheet(
        asset=ASSET_KINDS["fileleak"],
        layout=SheetLayout(
            title=ASSET_KINDS["fileleak"].chinese,
            header=("URL", "标题", "状态码", "长度", "站点"),
            widths=(60, 40, 10, 12, 35),
            volatile_columns=frozenset({"长度"}),
        ),
        row=fileleak_row,
    ),
    "stat_finger": KindSheet(
        asset=ASSET_KINDS["stat_finger"],
        layout=SheetLayout(
            title=ASSET_KINDS["stat_finger"].chinese, header=("指纹", "站点数"), widths=(40, 12)
        ),
        row=fingerprint_row,
    ),
    "wih": KindSheet(
        asset=ASSET_KINDS["wih"],
        layout=SheetLayout(
            title=ASSET_KINDS["wih"].chinese,
            header=("类型", "内容", "来源", "站点"),
            widths=(20, 60, 60, 35),
            name_columns=(0, 1),
        ),
        row=wih_row,
    ),
    "nuclei_result": KindSheet(
        asset=ASSET_KINDS["nuclei_result"],
        layout=SheetLayout(
            title=ASSET_KINDS["nuclei_result"].chinese,
            header=("URL", "漏洞", "级别", "模板", "目标", "发现时间（{zone}）"),
            widths=(60, 40, 12, 30, 36, 24),
            volatile_columns=frozenset({"发现时间（{zone}）"}),
            name_columns=(0, 1),
        ),
        row=nuclei_row,
    ),
    "cip": KindSheet(
        asset=ASSET_KINDS["cip"],
        layout=SheetLayout(
            title=ASSET_KINDS["cip"].chinese,
            header=("C 段", "IP 数", "域名数", "IP", "域名"),
            widths=(20, 10, 10, 40, 50),
        ),
        row=network_row,
    ),
    "npoc_service": KindSheet(
        asset=ASSET_KINDS["npoc_service"],
        layout=SheetLayout(
            title=ASSET_KINDS["npoc_service"].chinese,
            header=("主机", "端口", "协议", "目标", "发现时间（{zone}）"),
            widths=(30, 10, 16, 40, 24),
            volatile_columns=frozenset({"发现时间（{zone}）"}),
            name_columns=(0, 1, 2),
        ),
        row=npoc_row,
    ),
}  # fmt: skip

ENGLISH = {
    "漏洞": "Vulnerability", "指纹": "Fingerprint", "C 段": "Network", "标题": "Title",
    "状态码": "Status", "长度": "Length", "来源": "Source", "主题": "Subject", "颁发者": "Issuer",
    "域名": "Names", "地址": "Seen at", "生效（{zone}）": "Valid from ({zone})",
    "到期（{zone}）": "Valid until ({zone})",
    "签名算法": "Algorithm", "序列号": "Serial number", "目标": "Target", "插件": "Plugin", "类型": "Type",
    "应用": "Product", "验证信息": "Evidence", "发现时间（{zone}）": "Found at ({zone})", "站点": "Site",
    "站点数": "Sites", "内容": "Content", "级别": "Severity", "模板": "Template", "IP 数": "Address count",
    "域名数": "Name count", "主机": "Host", "端口": "Port", "协议": "Protocol",
}  # fmt: skip

KIND_SHEETS = dict(sorted((ARL_SHEETS | EXTRA_SHEETS).items(), key=lambda item: by_importance(item[0])))
"""The sheets of all kinds, in the order of the workbook and of 变化."""


def localized(kind: KindSheet, lang: str, zone: str) -> KindSheet:
    """Return the sheet of a kind in a language, with the time zone in its headers."""

    def word(name: str) -> str:
        return (ENGLISH.get(name, name) if lang == "en" else name).replace("{zone}", zone)

    layout = replace(
        kind.layout,
        title=display_name(kind.asset.name, lang),
        header=[word(name) for name in kind.layout.header],
        volatile_columns=frozenset(map(word, kind.layout.volatile_columns)),
    )
    return replace(kind, layout=layout)
