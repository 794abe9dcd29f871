"""Made-up finds for the benchmark of exports, as documents and as the rows that come of them."""

from collections.abc import Callable, Iterator

from bot.assets.values import Document
from bot.workbook.sheets import Row

TASKS = 10
KINDS = ("ip", "site", "domain")
PORTS, PRODUCTS = (80, 443, 8080, 22), ("nginx", "Apache httpd", "OpenSSH")


def address(number: int) -> str:
    """Addresses whose letters sort as their numbers do."""
    return f"10.{100 + number // 24336}.{100 + number // 156 % 156}.{100 + number % 156}"


def ip(number: int, salt: int) -> Document:
    port = {
        "port_id": PORTS[number % 4], "service_name": "http", "product": PRODUCTS[number % 3],
        "version": f"1.{(number + salt) % 23}", "protocol": "tcp",
    }  # fmt: skip
    return {
        "ip": address(number), "port_info": [port], "os_info": {}, "ip_type": "PUBLIC", "cdn_name": "",
        "domain": [f"host{number:07}.example.com"], "geo_asn": {"organization": "Example Networks Ltd."},
        "geo_city": {"country_name": "China", "region_name": "Zhejiang"}, "task_id": f"t{number % TASKS}",
    }  # fmt: skip


def site(number: int, salt: int) -> Document:
    return {
        "site": f"https://host{number:07}.example.com:8443", "title": f"管理后台 {number + salt} & more",
        "status": 200, "finger": [{"name": "nginx"}, {"name": "jQuery"}, {"name": "PHP"}],
        "favicon": {"hash": -number * 7919, "data": "AAAA" * 300}, "headers": "Server: nginx\n" * 20,
        "http_server": "nginx", "body_length": 5120, "task_id": f"t{number % TASKS}",
    }  # fmt: skip


def domain(number: int, salt: int) -> Document:
    records = [address(number + salt), address(number + 1)]
    name = f"host{number:07}.example.com"
    return {"domain": name, "type": "A", "record": records, "ips": records, "source": "arl"}


MAKERS: dict[str, Callable[[int, int], Document]] = {"ip": ip, "site": site, "domain": domain}


def documents(kind: str, assets: int, *, before: bool = False) -> Iterator[Document]:
    """So many documents of a kind, sorted by key; of ten things nine are found once and one twice."""
    things = assets * 10 // 11
    for number in range(things):
        salt = 1 if before and number % 10 == 1 else 0
        yield MAKERS[kind](number, salt)
        if number % 10 == 0:
            yield MAKERS[kind](number, salt)


def finished_rows(assets: int) -> Iterator[tuple[str, Row]]:
    """The rows of those documents, made with as little work as can be."""
    for number in range(assets * 10 // 11):
        place, name = address(number), f"host{number:07}.example.com"
        port, product, fingers = PORTS[number % 4], PRODUCTS[number % 3], "nginx \r\njQuery \r\nPHP"
        lines = f"{address(number)} \r\n{address(number + 1)}"
        yield "IP", (place, str(port), 1, "China/Zhejiang", "Example Networks Ltd.", name, "", "", "PUBLIC")
        yield "系统服务", (place, port, "http", product, f"1.{number % 23}")
        yield (
            "站点",
            (
                f"https://{name}:8443",
                f"管理后台 {number} & more",
                fingers,
                200,
                -number * 7919,
            ),
        )
        yield "域名", (name, "A", lines, lines)
