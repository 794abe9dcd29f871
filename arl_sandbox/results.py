"""Results of fake tasks, derived from the target and always the same for it. Pure functions."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from itertools import islice
from typing import Any

from arl_sandbox.documents import RISK_CRUISING, is_address, split_target

Json = dict[str, Any]
Finding = tuple[str, Json]  # (table, document)

TITLES = ("统一身份认证平台", "客户服务中心", "运维监控大屏", "企业邮箱登录", "数据中台", "采购门户")
SERVERS = (("nginx", "1.24.0"), ("Apache httpd", "2.4.57"), ("Apache Tomcat", "9.0.82"))
HOST_NAMES = ("www", "oa", "mail")
MAX_HOSTS_PER_NETWORK = 3  # more hosts of a network are ignored
SINGLE_HOST_STAGES = {
    "file_leak",
    "nuclei_scan",
    "npoc_service_detection",
    "poc_run",
    "PoC",
    "weak_brute",
}  # these stages find something on one host only


@dataclass(frozen=True, kw_only=True)
class Host:
    """A host with its address and, for domains, its name."""

    ip: str
    name: str = ""

    @property
    def seed(self) -> int:
        return int(hashlib.sha256(f"{self.ip} {self.name}".encode()).hexdigest()[:8], 16)

    @property
    def site(self) -> str:
        return f"https://{self.name or self.ip}"

    @property
    def title(self) -> str:
        return TITLES[self.seed % len(TITLES)]

    @property
    def server(self) -> tuple[str, str]:
        return SERVERS[self.seed % len(SERVERS)]


def task_hosts(task: Mapping[str, Any]) -> list[Host]:
    """Return the hosts behind the target of a task."""
    addresses, domains = split_target(task["target"])
    words = task["cruising_target"] if task["type"] == RISK_CRUISING else [*addresses, *domains]
    return [host for word in words for host in _hosts(word)]


def _hosts(word: str) -> Iterator[Host]:
    if is_address(word):
        first = word.partition("-")[0]
        network = ip_network(first, strict=False)
        yield from (Host(ip=str(each)) for each in islice(network, MAX_HOSTS_PER_NETWORK))
        return
    for name in HOST_NAMES:
        yield Host(ip=_address(f"{name}.{word}"), name=f"{name}.{word}")


def _address(name: str) -> str:
    """Return an address of a documentation network (RFC 5737)."""
    return f"198.51.100.{hashlib.sha256(name.encode()).digest()[0]}"


def stage_results(task: Mapping[str, Any], stage: str, now: str) -> Iterator[Finding]:
    """Yield the results of a stage of a task. `now` is the time in ARL's format."""
    hosts = task_hosts(task)
    for host in hosts[:1] if stage in SINGLE_HOST_STAGES else hosts:
        for find in STAGE_FINDERS.get(stage, ()):
            yield find(host, now)
    if stage == "port_scan" and task["options"].get("service_detection"):
        yield "service", _service(hosts)
    if stage == "port_scan":
        yield from _networks(hosts)
    if stage == "site_identify":
        yield from _fingers(hosts)


def _service(hosts: list[Host]) -> Json:
    seen = [(host, *host.server) for host in hosts]
    info = [{"ip": host.ip, "port_id": 443, "product": name, "version": at} for host, name, at in seen]
    return {"service_name": "https", "service_info": info}


def _networks(hosts: list[Host]) -> Iterator[Finding]:
    nets = sorted({str(ip_network(f"{host.ip}/24", strict=False)) for host in hosts})
    for net in nets:
        inside = [host for host in hosts if str(ip_network(f"{host.ip}/24", strict=False)) == net]
        ips, names = sorted({host.ip for host in inside}), sorted({host.name for host in inside} - {""})
        lists: Json = {"ip_list": ips, "domain_list": names}
        yield "cip", {"cidr_ip": net, "ip_count": len(ips), "domain_count": len(names)} | lists


def _fingers(hosts: list[Host]) -> Iterator[Finding]:
    for name in sorted({host.server[0] for host in hosts}):
        yield "stat_finger", {"name": name, "cnt": sum(host.server[0] == name for host in hosts)}


def _domain(host: Host, _: str) -> Finding:
    more = {"record": [host.ip], "ips": [host.ip], "source": "domain_brute"}
    return "domain", {"domain": host.name, "type": "A"} | more


def _ip(host: Host, _: str) -> Finding:
    name, version = host.server
    port: Json = {"service_name": "https", "protocol": "tcp", "product": name, "version": version}
    city = {"city": "杭州", "latitude": 30.29, "longitude": 120.16, "country_name": "中国"}
    code = {"country_code": "CN", "region_name": "浙江", "region_code": "ZJ"}
    named = {"domain": [host.name], "cdn_name": ""} if host.name else {}
    return "ip", {
        "ip": host.ip,
        "port_info": [{"port_id": 443} | port],
        "os_info": {},
        "ip_type": "PUBLIC",
        "geo_asn": {"number": 64496, "organization": "示例网络"},
        "geo_city": city | code,
    } | named


def _cert(host: Host, _: str) -> Finding:
    name, digest = host.name or host.ip, hashlib.sha256(host.site.encode()).hexdigest()
    validity = {"start": "2026-01-01 00:00:00", "end": "2026-12-31 23:59:59", "expired": False}
    return "cert", {
        "ip": host.ip,
        "port": 443,
        "cert": {
            "subject_dn": f"C=CN, O=云杉科技, CN={name}",
            "issuer_dn": "C=CN, O=示例证书中心, CN=示例 CA",
            "serial_number": str(host.seed),
            "signature_algorithm": "sha256WithRSAEncryption",
            "version": 2,
            "validity": validity,
            "extensions": {"subjectAltName": f"DNS:{name}"},
            "fingerprint": {"sha256": digest, "sha1": digest[:40], "md5": digest[:32]},
        },
    }


def _site(host: Host, _: str) -> Finding:
    name, version = host.server
    headers = f"HTTP/1.1 200 OK\r\nServer: {name}/{version}\r\n\r\n"
    finger = {"icon": "", "name": name, "confidence": "80", "version": version, "categories": []}
    return "site", {
        "site": host.site,
        "hostname": host.name or host.ip,
        "ip": host.ip,
        "title": host.title,
        "status": 200,
        "headers": headers,
        "http_server": f"{name}/{version}",
        "body_length": 2048 + host.seed % 4096,
        "finger": [finger],
        "favicon": {"data": "AAAA" * 64, "url": f"{host.site}/favicon.ico", "hash": host.seed},
        "tag": ["入口"],
    }


def _url(host: Host, _: str) -> Finding:
    url = f"{host.site}/login"
    more = {"title": f"{host.title} · 登录", "content_length": 1024, "status_code": 200}
    return "url", {"site": url, "url": url, "source": "site_spider"} | more


def _fileleak(host: Host, _: str) -> Finding:
    url = f"{host.site}/backup.zip"
    more = {"content_length": 40960, "status_code": 200, "site": host.site}
    return "fileleak", {"title": "备份文件", "url": url} | more


def _nuclei(host: Host, now: str) -> Finding:
    return "nuclei_result", {
        "template_url": "https://templates.example.com/tls-version",
        "template_id": "weak-tls-version",
        "vuln_name": "TLS 版本过低",
        "vuln_severity": ("low", "medium", "high")[host.seed % 3],
        "vuln_url": host.site,
        "curl_command": f"curl {host.site}",
        "target": host.site,
        "save_date": now,
    }


def _wih(host: Host, _: str) -> Finding:
    content, print_ = f"{host.site}/static/app.js", str(host.seed)
    return "wih", {
        "record_type": "path", "content": "/api/v1/users", "site": host.site, "source": content,
        "fnv_hash": print_,
    }  # fmt: skip


def _npoc(host: Host, now: str) -> Finding:
    place = {"scheme": "redis", "host": host.ip, "port": "6379", "target": f"{host.ip}:6379"}
    return "npoc_service", place | {"save_date": now}


def _vuln(host: Host, now: str) -> Finding:
    return "vuln", {
        "plg_name": "Redis_Unauth",
        "plg_type": "poc",
        "vul_name": "Redis 未授权访问",
        "app_name": "Redis",
        "target": f"{host.ip}:6379",
        "verify_data": "redis_version:6.2.6",
        "save_date": now,
    }


def _password(host: Host, now: str) -> Finding:
    return "vuln", {
        "plg_name": "SSH_brute",
        "plg_type": "brute",
        "vul_name": "SSH 弱口令",
        "app_name": "SSH",
        "target": f"{host.ip}:22",
        "verify_data": {"username": "root", "password": "示例口令"},
        "save_date": now,
    }


STAGE_FINDERS: Mapping[str, tuple[Callable[[Host, str], Finding], ...]] = {
    "domain_brute": (_domain,),
    "port_scan": (_ip,),
    "ssl_cert": (_cert,),
    "fetch_site": (_site,),
    "site_spider": (_url,),
    "file_leak": (_fileleak,),
    "nuclei_scan": (_nuclei,),
    "web_info_hunter": (_wih,),
    "npoc_service_detection": (_npoc,),
    "poc_run": (_vuln,),
    "PoC": (_vuln,),
    "weak_brute": (_password,),
}
