"""Watch jobs of any host: a key of the API, and the line that wraps a job."""

from pydantic import TypeAdapter

from bot.api.keys import KeyKind, digest_key, new_key
from bot.cli.init.answers import Answers
from bot.cli.init.dialogue import Dialogue, validated
from bot.cli.init.draft import Draft
from bot.config.api.settings import HASH_PREFIX, Slug

DEFAULT_JOB = "backup"
DEFAULT_PORT = 8780
EXAMPLE_COMMAND = "/opt/backup.sh"

_slug: TypeAdapter[str] = TypeAdapter(Slug)


def add_job(dialogue: Dialogue, draft: Draft, answers: Answers) -> None:
    """Ask for the name of a job, make a key that may report it, and print the one line to wrap it.

    The file has the hash of the key only. The key is shown once, here.
    """
    slug = dialogue.ask("job_name", option="--job", parse=parse_slug, given=answers.job, default=DEFAULT_JOB)
    if draft.get("api", "keys", slug) and not dialogue.confirm("job_new_key", name=slug):
        return
    key = new_key(KeyKind.TOKEN)
    hashed = f"{HASH_PREFIX}{digest_key(key).hex()}"
    draft.set("api", "keys", slug, value={"kind": "token", "key": hashed, "slugs": [slug]})
    draft.set("api", "schedules", slug, value=draft.get("api", "schedules", slug) or {})
    routes = draft.get("notify", "routes") or {}
    if slug not in routes:
        group = draft.get("DINGDING", "DEFAULT_CHAT_ID")
        draft.set("notify", "routes", slug, value=[f"group:{group}"])
    port = draft.get("web", "port") or DEFAULT_PORT
    draft.set("web", "port", value=port)
    dialogue.say("job_wrap", style="green")
    line = (
        f"DINGRUN_URL=http://127.0.0.1:{port} DINGRUN_KEY={key} dingrun-exec -s {slug} -- {EXAMPLE_COMMAND}"
    )
    dialogue.show_once(line)
    dialogue.say("job_other_hosts")


def parse_slug(text: str) -> str:
    """Parse the name of a job. Raises `ValueError`."""
    return validated(_slug, text)
