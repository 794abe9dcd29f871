"""Recipes for CI systems and schedulers: what the group sees."""

import configparser
import json
import re
import textwrap
from typing import Any

import pytest
import yaml

from tests.scenarios.recipes.pages import Workshop, find_client
from tests.scenarios.reporting import TOKEN

pytestmark = pytest.mark.asyncio(loop_scope="module")

STUBS = {
    "com/xxl/job/admin/core/model/XxlJobInfo": """
        package com.xxl.job.admin.core.model;
        public class XxlJobInfo {
            public int getId() { return 7; }
            public String getJobDesc() { return "sync"; }
        }""",
    "com/xxl/job/admin/core/model/XxlJobLog": """
        package com.xxl.job.admin.core.model;
        public class XxlJobLog {
            public long getId() { return 1234; }
            public int getTriggerCode() { return 200; }
            public String getTriggerMsg() { return "dispatched"; }
            public String getHandleMsg() { return "script exit value(3) is failed"; }
        }""",
    "com/xxl/job/admin/core/alarm/JobAlarm": """
        package com.xxl.job.admin.core.alarm;
        import com.xxl.job.admin.core.model.*;
        public interface JobAlarm { boolean doAlarm(XxlJobInfo info, XxlJobLog jobLog); }""",
    "org/springframework/stereotype/Component": """
        package org.springframework.stereotype;
        public @interface Component {}""",
    "Main": """
        import com.xxl.job.admin.core.alarm.impl.DingRunJobAlarm;
        import com.xxl.job.admin.core.model.*;
        public class Main {
            public static void main(String[] words) {
                System.exit(new DingRunJobAlarm().doAlarm(new XxlJobInfo(), new XxlJobLog()) ? 0 : 1);
            }
        }""",
}
"""What the bean needs of xxl-job-admin, which no registry has, with the signatures of its source."""

EXECUTOR = """
    import com.xxl.job.core.context.XxlJobContext;
    import com.xxl.job.core.glue.GlueTypeEnum;
    import com.xxl.job.core.handler.impl.ScriptJobHandler;
    import com.xxl.job.core.log.XxlJobFileAppender;
    import java.nio.file.*;
    public class Executor {
        public static void main(String[] words) throws Exception {
            XxlJobFileAppender.initLogPath("xxl/log");
            XxlJobContext context = new XxlJobContext(7, words[1], "xxl/log/7.log", 0, 1);
            XxlJobContext.setXxlJobContext(context);
            String script = new String(Files.readAllBytes(Paths.get(words[0])));
            new ScriptJobHandler(7, 1, script, GlueTypeEnum.GLUE_SHELL).execute();
            System.exit("script exit value(3) is failed".equals(context.getHandleMsg()) ? 3 : 1);
        }
    }
"""
"""What the executor of XXL-JOB does for a job of the type GLUE(Shell), with its own classes."""


@pytest.mark.parametrize(
    ("result", "status"), [("FAILURE", "failed"), ("SUCCESS", "success"), ("ABORTED", "stopped")]
)
async def test_jenkins(shop: Workshop, result: str, status: str) -> None:
    (script,) = re.findall(r"sh '''\n(.*?)'''", shop.recipe("jenkins"), re.DOTALL)
    variables = {
        "RESULT": result, "STARTED": "1764385200123", "JOB_BASE_NAME": "nightly", "BUILD_NUMBER": result,
        "BUILD_URL": "https://jenkins.example.com/job/nightly/7/", "DINGRUN_KEY": TOKEN,
    }  # fmt: skip
    assert await shop.sh(script, **variables) == 0
    await shop.host.card("jenkins-nightly")
    run = await shop.host.call("GET", f"/v1/runs/nightly-{result}")
    assert (run["status"], run["started_at"]) == (status, "2025-11-29T03:00:00Z")
    assert run["links"] == [{"title": "Jenkins", "url": variables["BUILD_URL"]}]


async def test_a_shell_job_of_xxl_job(shop: Workshop) -> None:
    """The executor runs the script with the parameter of the job, and takes its exit status."""
    shop.program("opt/xxl-sync.sh", 'echo "table $1 is locked" >&2; exit 3')
    shop.write("glue/7.sh", shop.recipe("xxl-job-shell"))
    core, log = find_client("xxl-job-core-*.jar"), find_client("slf4j-api-*.jar")
    if core and log:
        shop.write("xxl/Executor.java", EXECUTOR)
        assert await shop.sh(f"java -cp {core}:{log} xxl/Executor.java glue/7.sh orders") == 3
    else:
        assert await shop.sh("bash glue/7.sh orders 0 1") == 3
    assert "table orders is locked" in await shop.host.card("xxl-sync")


async def test_an_alarm_of_xxl_job(shop: Workshop) -> None:
    """Compile the bean against the signatures that it uses, and let it tell of a failure."""
    bean = "com/xxl/job/admin/core/alarm/impl/DingRunJobAlarm"
    for name, code in {**STUBS, bean: shop.recipe("xxl-job-alarm")}.items():
        shop.write(f"java/{name}.java", code)
    assert (
        await shop.sh(
            "cd java && javac -nowarn --release 8 -d out $(find . -name '*.java') && java -cp out Main"
        )
        == 0
    )
    assert "script exit value(3) is failed" in await shop.host.card("xxl-job-7")


async def test_an_alert_of_dolphinscheduler(shop: Workshop) -> None:
    """Build the request as the plugin does: the alert as text in the field that is named."""
    values: dict[str, Any] = yaml.safe_load(shop.recipe("dolphinscheduler"))
    alert = {
        "projectCode": 1, "projectName": "dw", "owner": "admin", "processId": 3, "processDefinitionCode": 5,
        "processName": "daily-1-20261124020000123", "processType": "SCHEDULER", "processState": "FAILURE",
        "modifyBy": "admin", "recovery": "NO", "runTimes": 1, "processStartTime": "2026-11-24 02:00:00",
        "processEndTime": "2026-11-24 02:05:00", "processHost": "10.0.0.7:5678",
    }  # fmt: skip
    body = {**json.loads(values["bodyParams"]), values["contentField"]: json.dumps([alert])}
    headers = json.loads(values["headerParams"])
    async with shop.host.session.request(
        values["requestType"], values["url"], data=json.dumps(body), headers=headers
    ) as answer:
        assert answer.status == 202, await answer.text()
    assert "dw-daily" in await shop.host.card("dw-daily")
    assert [run["status"] for run in await shop.host.runs("dw-daily")] == ["failed"]


@pytest.mark.parametrize(
    ("state", "status"), [("failed", "failed"), ("success", "success"), ("canceled", "stopped")]
)
async def test_gitlab(shop: Workshop, state: str, status: str) -> None:
    (script,) = yaml.safe_load(shop.recipe("gitlab"))["default"]["after_script"]
    variables = {
        "CI_JOB_STATUS": state, "CI_JOB_ID": f"71{state}", "CI_PROJECT_PATH_SLUG": "ops-site",
        "CI_JOB_NAME": "deploy: eu", "CI_JOB_STARTED_AT": "2026-11-29T03:00:00Z", "CI_JOB_URL": "https://gitlab.example.com/ops/site/-/jobs/71",
        "DINGRUN_KEY": TOKEN,
    }  # fmt: skip
    assert await shop.sh(script, **variables) == 0
    await shop.host.card("gitlab-ops-site")
    run = await shop.host.call("GET", f"/v1/runs/71{state}")
    assert (run["status"], run["title"], run["started_at"]) == (status, "deploy: eu", "2026-11-29T03:00:00Z")


@pytest.mark.parametrize(
    ("state", "status"), [("failure", "failed"), ("success", "success"), ("cancelled", "stopped")]
)
async def test_github(shop: Workshop, state: str, status: str) -> None:
    step = yaml.safe_load(shop.recipe("github"))["jobs"]["nightly"]["steps"][-1]
    given = {"${{ job.status }}": state, "${{ secrets.DINGRUN_KEY }}": TOKEN}
    variables = {
        **{name: given[value] for name, value in step["env"].items()}, "GITHUB_RUN_ID": state,
        "GITHUB_RUN_ATTEMPT": "1", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "ops/site",
    }  # fmt: skip
    assert await shop.sh(step["run"], **variables) == 0
    await shop.host.card("github-nightly")
    assert (await shop.host.call("GET", f"/v1/runs/{state}-1"))["status"] == status


EMIT = """
    import json, sys
    from datetime import datetime, timezone
    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import error_message_run, parent_run
    from openlineage.client.transport.http import HttpConfig, HttpTransport
    client = OpenLineageClient(transport=HttpTransport(HttpConfig.from_dict(json.loads(sys.argv[1]))))
    dag, task = "0190f5a0-0000-7000-8000-000000000001", "0190f5a0-0000-7000-8000-000000000002"
    parent = parent_run.ParentRunFacet(
        run=parent_run.Run(runId=dag), job=parent_run.Job(namespace="airflow", name="dag_nightly")
    )
    failure = error_message_run.ErrorMessageRunFacet(message="table is locked", programmingLanguage="PYTHON")
    for state, id_, name, facets in (
        ("START", dag, "dag_nightly", {}),
        ("START", task, "dag_nightly.load", {"parent": parent}),
        ("FAIL", task, "dag_nightly.load", {"parent": parent, "errorMessage": failure}),
        ("FAIL", dag, "dag_nightly", {}),
    ):
        now = datetime.now(timezone.utc).isoformat()
        client.emit(RunEvent(
            eventType=RunState[state], eventTime=now, producer="https://github.com/apache/airflow",
            run=Run(runId=id_, facets=facets), job=Job(namespace="airflow", name=name),
        ))
"""
"""What the provider of Airflow does for a DAG of one task, with the client that it uses."""


async def test_airflow(shop: Workshop) -> None:
    settings = configparser.RawConfigParser()
    settings.read_string(shop.recipe("airflow"))
    transport = json.loads(settings["openlineage"]["transport"])
    kind = transport.pop("type")
    assert (kind, transport["url"], transport["endpoint"]) == ("http", shop.host.url, "api/v1/lineage")
    if find_client("python3"):
        shop.write("emit.py", textwrap.dedent(EMIT))
        assert await shop.sh('python3 emit.py "$TRANSPORT"', TRANSPORT=json.dumps(transport)) == 0
    else:
        await shop.replay("openlineage")
    card = await shop.host.card("dag_nightly")
    assert ("load" in card, "table is locked" in card) == (True, True)
