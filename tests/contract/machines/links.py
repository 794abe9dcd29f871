"""Download links of two runs, and who downloads by them from which address."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from bot.downloads import Download, DownloadLink
from tests.contract.machines.harness import BOTS, LIMITS, SPANS, Ground, Machine
from tests.factories import make_download, make_link

LINKS = st.integers(0, 2)
RUNS = st.integers(0, 1)
CLIENTS = st.sampled_from(["192.0.2.1", "192.0.2.2"])


class LinksMachine(Machine):
    """Two bots and the download links of one store."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.links: dict[str, DownloadLink] = {}  # in the order of adding
        self.log: list[Download] = []  # oldest first

    def is_valid(self, link: DownloadLink | None) -> bool:
        """Tell if a link leads somewhere now."""
        open_ = link is not None and link.revoked_at is None and link.expires_at > self.clock()
        return open_ and link is not None and link.downloads < link.max_downloads

    @initialize(ttl=SPANS)
    def begin(self, ttl: timedelta) -> None:
        for number in range(2):
            self.add(number, number, ttl, number + 1)

    @rule(bot=BOTS, number=LINKS, ttl=SPANS, most=st.integers(1, 3))
    def add(self, bot: int, number: int, ttl: timedelta, most: int) -> None:
        made = self.now() if number % 2 else self.start
        link = make_link(
            id=self.named("link", number),
            run_id=self.named("run", number % 2),
            made_at=made,
            expires_at=self.now() + ttl,
            max_downloads=most,
        )
        assert self.run(self.bot(bot).links.add_link(link)) is (link.id not in self.links)
        self.links.setdefault(link.id, link)

    @rule(bot=BOTS, number=st.integers(0, 1), client=CLIENTS, times=st.integers(1, 3))
    def download_repeatedly(self, bot: int, number: int, client: str, times: int) -> None:
        for _ in range(times):
            self.download(bot, number, client)

    @rule(bot=BOTS, number=LINKS, client=CLIENTS)
    def download(self, bot: int, number: int, client: str) -> None:
        id_, now = self.named("link", number), self.now()
        link = self.links.get(id_)
        wanted = Download(
            link_id=id_,
            run_id=self.named("run", number % 2),
            at=now,
            address=client,
            agent="curl",
            id=self.named("download", len(self.log)),
        )
        valid = self.is_valid(link)
        assert self.run(self.bot(bot).links.add_download(wanted)) is valid
        if valid and link:
            self.log.append(wanted)
            self.links[id_] = replace(link, downloads=link.downloads + 1)

    @rule(bot=BOTS, number=LINKS, client=CLIENTS, back=SPANS, most=st.integers(1, 2))
    def resume(self, bot: int, number: int, client: str, back: timedelta, most: int) -> None:
        id_, now = self.named("link", number), self.now()
        wanted = make_download(make_link(id=id_), at=now, address=client, agent="curl")
        same = [each for each in self.log if (each.link_id, each.address) == (id_, client)]
        fitting = [
            each for each in same if each.at >= now - back and not each.finished and each.resumes < most
        ]
        found = self.run(self.bot(bot).links.resume_download(wanted, since=now - back, max_resumes=most))
        assert found == (fitting[-1].id if fitting else "")
        if fitting:
            place = self.log.index(fitting[-1])
            self.log[place] = replace(fitting[-1], resumes=fitting[-1].resumes + 1)

    @rule(bot=BOTS, number=LINKS, place=st.integers(0, 9))
    def finish(self, bot: int, number: int, place: int) -> None:
        id_, download = self.named("link", number), self.named("download", place)
        self.run(self.bot(bot).links.finish_download(id_, download))
        self.log = [
            replace(each, finished=True) if (each.link_id, each.id) == (id_, download) else each
            for each in self.log
        ]

    @rule(bot=BOTS, run=RUNS)
    def revoke(self, bot: int, run: int) -> None:
        now = self.now()
        mine = [link for link in self.links.values() if link.run_id == self.named("run", run)]
        valid = sum(self.is_valid(link) for link in mine)
        assert self.run(self.bot(bot).links.revoke_links(self.named("run", run), now)) == valid
        for link in mine:
            if link.revoked_at is None and link.expires_at > now:
                self.links[link.id] = replace(link, revoked_at=now)

    @rule(bot=BOTS, run=RUNS)
    def delete_run(self, bot: int, run: int) -> None:
        name = self.named("run", run)
        self.run(self.bot(bot).retention.delete_runs([name]))
        self.links = {id_: link for id_, link in self.links.items() if link.run_id != name}
        self.log = [each for each in self.log if each.run_id != name]

    @rule(bot=BOTS, run=RUNS, limit=LIMITS)
    def find(self, bot: int, run: int, limit: int) -> None:
        name, store = self.named("run", run), self.bot(bot).links
        log = [each for each in self.log if each.run_id == name][::-1]
        assert list(self.run(store.find_downloads(name, limit=limit))) == log[:limit]
        mine = [link for link in reversed(self.links.values()) if link.run_id == name]
        mine.sort(key=lambda link: link.made_at, reverse=True)
        assert list(self.run(store.find_links(name, limit=limit))) == mine[:limit]

    @invariant()
    def both_see_the_same(self) -> None:
        for number in (0, 1):
            self.find(number, number, 9)

    def teardown(self) -> None:
        for number in range(3):
            id_ = self.named("link", number)
            assert self.run(self.bot(1).links.find_link(id_)) == self.links.get(id_)
