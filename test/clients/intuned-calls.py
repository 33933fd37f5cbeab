"""Drives the unmodified PyPI package intuned-client: one command a line as JSON, one answer a line.

    python intuned-calls.py BASE_URL WORKSPACE_ID API_KEY

A command is {"call": "projects.runs.start", "with": {...}}; "key" is sent as Idempotency-Key. The answer is
{"value": ...}, what the typed model of the client reads, or {"raised": ..., "status": ..., "body": ...}.
"""

import json
import sys

import httpx
from intuned_client import IntunedClient

base_url, workspace_id, api_key = sys.argv[1:4]
http = httpx.Client(timeout=60)
client = IntunedClient(api_key=api_key, workspace_id=workspace_id, base_url=base_url, client=http)


def plain(value):
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value.model_dump(by_alias=True, exclude_none=True) if hasattr(value, "model_dump") else value


for line in sys.stdin:
    command = json.loads(line)
    call = client
    for name in command["call"].split("."):
        call = getattr(call, name)
    http.headers.pop("idempotency-key", None)
    if "key" in command:
        http.headers["idempotency-key"] = command["key"]
    try:
        answer = {"value": plain(call(**command.get("with", {})))}
    except Exception as error:
        status, body = getattr(error, "status_code", None), getattr(error, "body", None)
        answer = {"raised": type(error).__name__, "status": status, "body": body}
    print(json.dumps(answer), flush=True)
