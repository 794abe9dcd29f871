"""Every section with commands is typed by a test, run elsewhere, or says why not."""

from pathlib import Path

from tests.scenarios.conftest import ROOT
from tests.scenarios.docs.reader import SECTIONS

TYPED = {
    ("docs/api.md", "In one minute"),
    ("docs/api.md", "JSON API"),
    ("docs/api.md", "Assets"),
    ("docs/api.md", "dingrun-exec"),
    ("docs/api.md", "Pings"),
    ("docs/arl.md", "Set it up"),
    ("docs/commands.md", "When something is late or missing"),
    ("docs/deploy.md", "Containers"),
    ("docs/operate.md", "An outer guard"),
    ("docs/operate.md", "Health"),
    ("docs/sandbox.md", "Card templates"),
    ("docs/sandbox.md", "Messages from people"),
    ("docs/start.md", "2. Set it up"),
    ("docs/start.md", "3. Or write the settings by hand"),
    ("docs/start.md", "4. Run it"),
}
RUN_ELSEWHERE = {
    ("README.md", "DingRun"): ".ci/run",
    ("README.md", "Your own DingTalk"): "tests/scenarios/test_init.py",
    ("CONTRIBUTING.md", "Set up"): ".ci/run",
    ("CONTRIBUTING.md", "The fast loop"): "tests/scenarios/test_demo_page.py",
    ("CONTRIBUTING.md", "The full loop"): ".ci/run",
    ("CONTRIBUTING.md", "A command"): "tests/test_docs.py",
    ("CONTRIBUTING.md", "A setting"): "tests/test_docs.py",
    ("docs/api.md", "Keys"): "tests/test_docs_commands.py",
    ("docs/arl.md", "See it first"): "tests/scenarios/test_demo_arl.py",
    ("docs/backup.md", "Back up"): "tests/test_docs_commands.py",
    ("docs/backup.md", "Restore"): "tests/test_docs_commands.py",
    ("docs/evidence.md", "Killed at system calls"): "tests/evidence/test_syscalls.py",
    ("docs/evidence.md", "The worker killed at system calls"): "tests/evidence/test_syscalls.py",
    ("docs/evidence.md", "Power cuts"): "tests/evidence/test_powercuts.py",
    ("docs/evidence.md", "A simulated year"): "tests/evidence/test_year.py",
    ("docs/evidence.md", "State machines"): "tests/contract/test_state_machines.py",
    ("docs/evidence.md", "Mutants"): "tests/evidence/test_mutation.py",
    ("docs/sandbox.md", "The sandbox: a fake DingTalk server"): "tests/dingtalk_sandbox/test_command_line.py",
    ("docs/workers.md", "Celery workers"): "tests/scenarios/test_workers.py",
}
"""Where the commands of a section are run, or a sample of what takes minutes."""
NOT_RUN = {
    ("docs/deploy.md", "Secrets"): "needs root; tests/test_deploy_secrets.py makes the secrets",
    ("docs/deploy.md", "systemd"): "needs root and systemd; tests/test_deploy.py reads the unit",
    ("docs/operate.md", "When DingTalk cannot be reached"): "installs; tests/test_docs.py compares the extra",
}
"""Sections whose commands are only parsed."""


def test_every_section_with_commands_is_run_or_says_why_not() -> None:
    assert SECTIONS.keys() == TYPED | RUN_ELSEWHERE.keys() | NOT_RUN.keys()
    assert not TYPED & (RUN_ELSEWHERE.keys() | NOT_RUN.keys())


def test_a_section_that_is_typed_is_named_by_a_test_and_the_files_of_others_exist() -> None:
    """Of a typed section, `tests/test_docs_commands.py` names the programs that are not there, as Docker."""
    files = [Path(__file__).with_name(name) for name in ("reader.py", "test_commands.py")]
    texts = "".join(file.read_text(encoding="utf-8") for file in files)
    assert [each for each in TYPED if f'"{each[0]}", "{each[1]}"' not in texts] == []
    assert [name for name in RUN_ELSEWHERE.values() if not (ROOT / name).exists()] == []
