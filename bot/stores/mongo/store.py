"""Store in MongoDB, for several bots on several machines.

Every method is one command on one collection, without transactions and joins, so servers compatible with
MongoDB work as well. `docs/mongodb.md` lists the collections and their indexes.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bot.errors import ConfigError
from bot.foreign_text import storable
from bot.models import UNDELIVERED_STATES, Job, JobState, Report, Run, RunStatus
from bot.mongo import DOWN, UP, Mongo
from bot.stores.mongo.documents import JOBS, REPORTS, RUNS, Numbers, moment, since

SCHEMA_VERSION = 5  # version of the documents; a new one needs a step in `_migrate_documents`
Keys = Sequence[tuple[str, int]]
NEWEST_RUN = [("start_time", DOWN), ("number", DOWN)]
OLDEST_JOB = [("created_at", UP), ("number", UP)]
NEWEST_JOB = [("created_at", DOWN), ("number", DOWN)]
NEWEST_REPORT = [("made_at", DOWN), ("number", DOWN)]
NEWEST_ENTRY = [("at", DOWN), ("number", DOWN)]
OLDEST_LAPSE = [("found_at", UP), ("number", UP)]
INDEXES: Mapping[str, Sequence[Keys]] = {  # each covers a whole sort order
    "runs": (NEWEST_RUN, [("schedule_id", UP), *NEWEST_RUN], [("status", UP), *NEWEST_RUN]),
    "jobs": (
        [("kind", UP), ("since", UP)],
        [("run_id", UP), *OLDEST_JOB],
        [("kind", UP), ("state", UP), *OLDEST_JOB],
        [("state", UP), *OLDEST_JOB],
        [("replaced_by", UP), ("state", UP), ("kind", UP), *NEWEST_JOB],
        [("kind", UP), ("ended_at", UP), ("number", UP)],
    ),
    "reports": (NEWEST_REPORT, [("schedule_id", UP), *NEWEST_REPORT]),
    "links": ([("run_id", UP), ("made_at", DOWN), ("number", DOWN)],),
    "audit": (
        NEWEST_ENTRY,
        *([(name, UP), *NEWEST_ENTRY] for name in ("schedule_id", "schedule_name", "actor.id", "actor.name")),
    ),
    "lapses": ([("state", UP), *OLDEST_LAPSE],),
    "documents": (
        [("collection", UP), ("number", DOWN)],
        [("collection", UP), ("group", UP), ("number", DOWN)],
        [("collection", UP), ("due", UP), ("number", UP)],
    ),
    "booked": ([("month", UP)],),
    "tasks": ([("run_id", UP)], [("status", UP), ("number", UP)]),
    "assets": ([("task_id", UP), ("kind", UP), ("key", UP)],),
    "reservations": ([("until", UP)],),
}
COLLECTIONS = (
    *INDEXES, "about", "counters", "facts", "files.chunks", "files.files", "gates", "overrides", "watches",
)  # fmt: skip
RESTORE = "restore"  # document in `about` while a restore replaces the collections
RENAMED_FIELDS = (  # since version 3: collection, old name, new name
    ("runs", "cause", "idempotency_key"),
    ("runs", "tally", "task_counts"),
    ("runs", "schedule.manners", "schedule.recipient_options"),
    ("jobs", "marker", "send_attempted"),
    ("links", "cause", "idempotency_key"),
    ("links", "most", "max_downloads"),
)
CLAIM_FIELDS = {"_id", "owner", "attempts"}  # identify a claim
EMPTY_PAYLOAD = "{}"  # a payload is JSON text
EPOCH = datetime.fromtimestamp(0, UTC)


class MongoStore:
    """Store on one MongoDB database."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._runs = mongo.collection("runs")
        self._jobs = mongo.collection("jobs")
        self._reports = mongo.collection("reports")
        self._facts = mongo.collection("facts")
        self._counters = mongo.collection("counters")
        self._numbers = Numbers()

    async def open(self) -> None:
        try:
            await self._mongo.open()
            await self._migrate()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        await self._mongo.close()

    async def probe(self) -> None:
        """Check that reading and writing is possible, without a change. Raises the same errors as `open`."""
        await self._mongo.open()
        await self._check_version()
        await self._facts.change_all({"_id": {"$in": []}}, {"$set": {"value": ""}})

    async def _check_version(self) -> int:
        """Return the schema version. Raises `ConfigError` if it is newer than this DingRun."""
        if await self._mongo.collection("about").find_one({"_id": RESTORE}):
            raise ConfigError(
                f"store.url: a restore of database {self._mongo.name} was interrupted: run `dingrun restore`"
                " with --force again"
            )
        found = await self._mongo.collection("about").find_one({"_id": "schema"})
        version = found["version"] if found else 0
        if version > SCHEMA_VERSION:
            raise ConfigError(
                f"store.url: database {self._mongo.name} was written by a newer DingRun (schema {version},"
                f" this one knows {SCHEMA_VERSION}): start that version, or name another database"
            )
        return int(version)

    async def _migrate(self) -> None:
        """Create indexes and migrate documents. Several processes may do so at once."""
        version = await self._check_version()
        about = self._mongo.collection("about")
        for name, indexes in INDEXES.items():
            for keys in indexes:
                await self._mongo.collection(name).index(*keys)
        await self._mongo.collection("files.chunks").index(("files_id", UP), ("n", UP), unique=True)
        if 0 < version < SCHEMA_VERSION:
            await self._migrate_documents()
        await about.change({"_id": "schema"}, {"$max": {"version": SCHEMA_VERSION}}, upsert=True)

    async def _migrate_documents(self) -> None:
        """Migrate documents of earlier versions. Every step is idempotent."""
        await self._jobs.change_all({"replaced_by": {"$exists": False}}, {"$set": {"replaced_by": ""}})
        for collection, old, new in RENAMED_FIELDS:
            where = {old: {"$exists": True}}
            await self._mongo.collection(collection).change_all(where, {"$rename": {old: new}})
        for status in ("push_status", "export_status"):
            await self._runs.change_all({status: "skip"}, {"$set": {status: "skipped"}})
        await self._jobs.change_all({"kind": "make"}, {"$set": {"kind": "export_request"}})
        await self._count_runs()

    async def _count_runs(self) -> None:
        """Give each run that has none its place among the runs of its schedule, by start time."""
        oldest = [("schedule_id", UP), ("start_time", UP), ("number", UP)]
        counts: Counter[str] = Counter()
        async for run in self._runs.stream({}, sort=oldest, fields=["schedule_id"]):
            counts[run["schedule_id"]] += 1
            uncounted = {"_id": run["_id"], "ordinal": {"$exists": False}}
            await self._runs.change_all(uncounted, {"$set": {"ordinal": counts[run["schedule_id"]]}})

    async def add_run(self, run: Run) -> bool:
        if await self.find_run(run.id):
            return False
        run = replace(run, ordinal=await self._next_ordinal(run.schedule_id))
        return await self._runs.insert(RUNS.document(run) | {"number": self._numbers.next()})

    async def _next_ordinal(self, schedule_id: str) -> int:
        """Count the runs of a schedule. A new counter starts at its highest ordinal."""
        counted = await self._counters.change({"_id": schedule_id}, {"$inc": {"last": 1}})
        if counted is None:
            newest = await self._runs.find(
                {"schedule_id": schedule_id}, sort=[("ordinal", DOWN)], limit=1, fields=["ordinal"]
            )
            highest = newest[0].get("ordinal", 0) if newest else 0
            await self._counters.change({"_id": schedule_id}, {"$max": {"last": highest}}, upsert=True)
            counted = await self._counters.change({"_id": schedule_id}, {"$inc": {"last": 1}})
        return int(counted["last"]) if counted else 0

    async def find_run(self, run_id: str) -> Run | None:
        found = await self._runs.find_one({"_id": run_id})
        return RUNS.model(found) if found else None

    async def update_run(
        self, run_id: str, changes: Mapping[str, Any], *, when: RunStatus | None = None
    ) -> Run | None:
        where = {"_id": run_id} | filters(status=when)
        found = await self._runs.change(where, {"$set": RUNS.changes(changes)})
        return RUNS.model(found) if found else None

    async def find_runs(
        self, *, status: RunStatus | None = None, schedule_id: str = "", limit: int = 20
    ) -> Sequence[Run]:
        where = filters(status=status, schedule_id=schedule_id)
        return [RUNS.model(each) for each in await self._runs.find(where, sort=NEWEST_RUN, limit=limit)]

    async def add_job(self, job: Job) -> bool:
        document = JOBS.document(job) | {"since": since(job), "number": self._numbers.next()}
        return await self._jobs.insert(document)

    async def claim_job(
        self, kinds: Collection[str], owner: str, now: datetime, until: datetime
    ) -> Job | None:
        where = {"kind": {"$in": list(kinds)}, "since": {"$lte": moment(now)}}
        taken = JOBS.changes({"state": JobState.DOING, "owner": owner, "lease_until": until})
        update = {"$set": taken | {"since": moment(until)}, "$inc": {"attempts": 1}}
        found = await self._jobs.change(where, update, sort=[("since", UP)])
        return JOBS.model(found) if found else None

    async def next_due(self, kinds: Collection[str]) -> datetime | None:
        where = {"kind": {"$in": list(kinds)}, "since": {"$gte": EPOCH}}  # ended jobs have none
        found = await self._jobs.find(where, sort=[("since", UP)], limit=1, fields=["since"])
        return found[0]["since"] if found else None

    async def save_job(self, job: Job) -> bool:
        where = {"_id": job.id, "owner": job.owner, "attempts": job.attempts, "state": JobState.DOING.value}
        fields = [name for name in Job.__dataclass_fields__ if name not in {"id", *CLAIM_FIELDS}]
        written = JOBS.changes({name: getattr(job, name) for name in fields}) | {"since": since(job)}
        return await self._jobs.change(where, {"$set": written}) is not None

    async def make_jobs_due(self, job_ids: Collection[str], now: datetime) -> None:
        where = {"_id": {"$in": list(job_ids)}, "state": JobState.TODO.value, "due_at": {"$gt": moment(now)}}
        await self._jobs.change_all(where, {"$set": JOBS.changes({"due_at": now}) | {"since": moment(now)}})

    async def free_future(self, now: datetime, beyond: datetime) -> int:
        late, freed = {"$gt": moment(beyond)}, 0
        for state, field in ((JobState.TODO, "due_at"), (JobState.DOING, "lease_until")):
            where = {"state": state.value, field: late}
            update = {"$set": JOBS.changes({field: now}) | {"since": moment(now)}}
            freed += await self._jobs.change_all(where, update)
        return freed

    async def find_job(self, job_id: str) -> Job | None:
        found = await self._jobs.find_one({"_id": job_id})
        return JOBS.model(found) if found else None

    async def find_jobs(
        self, *, run_id: str = "", kind: str = "", states: Collection[JobState] = (), limit: int = 100
    ) -> Sequence[Job]:
        among = {"$in": sorted(states)} if states else None
        where = filters(run_id=run_id, kind=kind, state=among)
        return [JOBS.model(each) for each in await self._jobs.find(where, sort=OLDEST_JOB, limit=limit)]

    async def find_ended(
        self, kinds: Collection[str], since: datetime, states: Collection[JobState] = ()
    ) -> Sequence[Job]:
        among = {"$in": sorted(states)} if states else None
        where = {"kind": {"$in": sorted(kinds)}, "ended_at": {"$gte": moment(since)}} | filters(state=among)
        found = await self._jobs.find(where, sort=[("ended_at", UP), ("number", UP)], limit=0)
        return [JOBS.model(each) for each in found]

    async def find_undelivered(
        self, kinds: Collection[str], *, run_id: str = "", limit: int = 100
    ) -> Sequence[Job]:
        where = undelivered(kinds, UNDELIVERED_STATES) | filters(run_id=run_id)
        found = await self._jobs.find(where, sort=NEWEST_JOB, limit=limit)
        return [JOBS.model(each) for each in reversed(found)]

    async def count_undelivered(self, kinds: Collection[str]) -> Mapping[JobState, int]:
        return {state: await self._jobs.count(undelivered(kinds, {state})) for state in UNDELIVERED_STATES}

    async def mark_replaced(self, job_id: str, by: str) -> None:
        where = {"_id": job_id, "replaced_by": "", "state": {"$in": sorted(UNDELIVERED_STATES)}}
        await self._jobs.change(where, {"$set": {"replaced_by": by}})

    async def clear_payloads(
        self, kinds: Collection[str], since: datetime, before: datetime, *, limit: int
    ) -> int:
        ended = {"$gte": moment(since), "$lt": moment(before)}
        where = {"kind": {"$in": list(kinds)}, "ended_at": ended, "payload": {"$ne": EMPTY_PAYLOAD}}
        found = await self._jobs.find(where, sort=[("ended_at", UP)], limit=limit, fields=["_id"])
        same = {"_id": {"$in": [each["_id"] for each in found]}, "payload": {"$ne": EMPTY_PAYLOAD}}
        return await self._jobs.change_all(same, {"$set": {"payload": EMPTY_PAYLOAD}}) if found else 0

    async def save_report(self, report: Report) -> None:
        await self._reports.put([REPORTS.document(report) | {"number": self._numbers.next()}])

    async def find_reports(
        self, *, run_id: str = "", schedule_id: str = "", limit: int = 1
    ) -> Sequence[Report]:
        where = filters(_id=run_id, schedule_id=schedule_id)
        return [
            REPORTS.model(each) for each in await self._reports.find(where, sort=NEWEST_REPORT, limit=limit)
        ]

    async def set_value(self, key: str, value: str) -> None:
        await self._facts.put([{"_id": key, "value": storable(value)}])

    async def find_value(self, key: str) -> str | None:
        found = await self._facts.find_one({"_id": key})
        return str(found["value"]) if found else None


def undelivered(kinds: Collection[str], states: Collection[JobState]) -> dict[str, Any]:
    """Build a filter for the jobs of these kinds and states that are not replaced."""
    return {"replaced_by": "", "state": {"$in": sorted(states)}, "kind": {"$in": sorted(kinds)}}


def filters(**where: object) -> dict[str, Any]:
    """Build a filter for the fields that have a value."""
    return {name: value for name, value in where.items() if value}
