"""Policies, and the task options derived from them."""

from collections.abc import Mapping
from typing import Any

from arl_sandbox.documents import RISK_CRUISING

Json = dict[str, Any]

DOMAIN_OPTIONS = ("domain_brute", "alt_dns", "dns_query_plugin", "arl_search")


def new_policy(name: str, **changes: Any) -> Json:
    """Build a policy that enables everything."""
    plugins = ("Redis_Unauth", "ThinkPHP_RCE", "Spring_Actuator")
    pocs = [{"plugin_name": each, "vul_name": each.replace("_", " "), "enable": True} for each in plugins]
    return {
        "name": name,
        "desc": "",
        "update_date": "2026-11-01 10:00:00",
        "policy": {
            "domain_config": {
                "domain_brute": True, "domain_brute_type": "test", "alt_dns": False, "arl_search": True,
                "dns_query_plugin": True,
            },
            "ip_config": {
                "port_scan": True, "port_scan_type": "top100", "port_custom": "", "service_detection": True,
                "os_detection": False, "ssl_cert": True, "skip_scan_cdn_ip": True,
            },
            "site_config": {
                "site_identify": True, "site_capture": False, "search_engines": False, "site_spider": True,
                "nuclei_scan": True, "web_info_hunter": True, "findvhost": False,
            },
            "poc_config": pocs,
            "brute_config": [{"plugin_name": "SSH_brute", "vul_name": "SSH 弱口令", "enable": True}],
            "file_leak": True,
            "npoc_service_detection": True,
            "scope_config": {"scope_id": ""},
        }
        | changes,
    }  # fmt: skip


def task_options(document: Mapping[str, Any], tag: str) -> Json:
    """Build the flat options of a task from a policy."""
    parts = document["policy"]
    found = {} if tag == RISK_CRUISING else {**parts["domain_config"], **parts["ip_config"]}
    named = {"policy_name": document["name"], "related_scope_id": parts["scope_config"]["scope_id"]}
    lists = {name: list(parts[name]) for name in ("poc_config", "brute_config")}
    switches = {name: parts[name] for name in ("file_leak", "npoc_service_detection")}
    return {**named, **found, **parts["site_config"], **lists, **switches}


def without_domain_options(options: Mapping[str, Any]) -> Json:
    """Return the options of a task that scans addresses only."""
    return dict(options) | dict.fromkeys(DOMAIN_OPTIONS, False)
