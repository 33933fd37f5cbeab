"""Drives the sandbox with the unmodified PyPI package intuned-client, and prints what its typed models read as JSON.

    python intuned-client.py BASE_URL
"""

import json
import sys

from intuned_client import IntunedClient

CODES = """internal-server-error script-process-crashed unexpected script-execution-exception
script-no-valid-output-received result-too-big-error script-timeout script-unexpected-error auth-check-failed
all-attempts-failed check-attempts-failed create-attempts-failed post-create-check-attempts-failed api-attempts-failed
onepassword-integration-error job-run-terminated""".split()
REASONS = """auth-session-validate-dependency-failed terminated job-run-paused job-run-terminated
failed-to-initialize-job-run api-access-disabled cancelled-user-action""".split()

client = IntunedClient(api_key="sandbox-key", workspace_id="ws 1", base_url=sys.argv[1])
runs, jobs, tasks = client.projects.runs, client.projects.jobs, client.web_tasks
place = {"project_name": "shop #1"}


def run(api, parameters):
    started = runs.start(**place, body={"api": api, "parameters": parameters})
    return runs.result(**place, run_id=started.run_id)


def refusal(call):
    try:
        call()
    except Exception as error:
        return {"type": type(error).__name__, "status": error.status_code, "members": sorted(error.body)}
    return None


def job_run(job, end=None):
    job_run_id = jobs.trigger(**place, job_id=job).job_run_id
    if end is not None:
        end(job_run_id)
    return jobs.runs.get(**place, job_id=job, job_run_id=job_run_id)


def create(job, api, parameters):
    payload = [{"api_name": api, "parameters": parameters}]
    return jobs.create(**place, body={"id": job, "payload": payload, "configuration": {}})


failures = [run("fail", {"code": code}).error for code in CODES]
create("bad", "fail", {"code": "internal-server-error", "category": "infrastructure"})
bad = job_run("bad").job_run
done = job_run("echo")
stop = lambda job_run_id: jobs.runs.terminate(**place, job_id="hang", job_run_id=job_run_id)
stopped = job_run("hang", stop).job_run
good, failed = tasks.run(body={"task": "x", "parameters": {"a": 1}}), tasks.run(body={"task": "fail"})
jobs.pause(**place, job_id="bad")
paused = jobs.get(**place, job_id="bad").state
jobs.resume(**place, job_id="bad")
listed = [job.id for job in jobs.list(**place)]
job_runs = jobs.runs.list(**place, job_id="echo").total_count
jobs.update(**place, job_id="bad", body={"payload": [{"api_name": "echo", "parameters": {}}], "configuration": {}})
jobs.delete(**place, job_id="bad")

print(
    json.dumps(
        {
            "statuses": [
                run("echo", {"queuedMs": 60000}).status,
                run("hang", {}).status,
                run("echo", {"a": 1}).result,
            ],
            "codes": [error.code for error in failures],
            "links": all(error.doc_url and error.correlation_id for error in failures),
            "reasons": [run("cancel", {"reason": reason}).reason.type for reason in REASONS],
            "refusals": [
                refusal(lambda: runs.start(**place, body={"api": "none", "parameters": {}})),
                refusal(lambda: runs.result(**place, run_id="none")),
                refusal(lambda: jobs.trigger(**place, job_id="none")),
                refusal(lambda: tasks.result(web_task_id="none")),
                refusal(
                    lambda: IntunedClient(
                        api_key="wrong", workspace_id="w", base_url=sys.argv[1]
                    ).web_tasks.result(web_task_id="none")
                ),
            ],
            "jobs": [done.job_run.status, done.results.format, stopped.status, stopped.reason.type, bad.error.code],
            "management": [paused, listed, job_runs],
            "tasks": [good.outcome, good.result.data, good.cost.ai_usd > 0, failed.outcome, failed.error.code],
        }
    )
)
