"""Drives the gateway with MCP's own Python client, as it is published. See README.md beside this file.

    python mcp-client.py steps URL           lists tools, calls, follows progress, answers a question
    python mcp-client.py follow TASK URL     goes on with a task that there is
    python mcp-client.py task KEY URL [URL]  has the tool `durable` make a task, and goes on with it wherever the gateway answers
"""

import asyncio
import json
import sys
from typing import Any, Literal

import mcp_types as types
from mcp.client import Client
from mcp.client.extension import ClientExtension, ResultClaim
from pydantic import ConfigDict, Field

TASKS = "io.modelcontextprotocol/tasks"


def say(word: str, value: Any = "") -> None:
    print(word, json.dumps(value), flush=True)


class Task(types.Result):
    """What a call is answered with in place of its result."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)
    result_type: Literal["task"] = Field("task", alias="resultType")
    task_id: str = Field(alias="taskId")


class Detailed(types.Result):
    model_config = ConfigDict(extra="allow")
    status: str = ""


class TaskRequest(types.Request[dict[str, Any], str]):
    name_param = "taskId"


async def ask(session: Any, method: str, task_id: str, **params: Any) -> Detailed:
    request = TaskRequest(method=method, params={"taskId": task_id, **params})
    return await session.send_request(request, Detailed, request_read_timeout_seconds=5)


class Tasks(ClientExtension):
    """Ends the call with the task, which is followed elsewhere: its session may not last as long."""

    identifier = TASKS

    def __init__(self) -> None:
        self.made: str | None = None

    async def _resolve(self, task: Task, _context: Any) -> types.CallToolResult:
        self.made = task.task_id
        return types.CallToolResult(content=[])

    def claims(self) -> list[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=Task, resolve=self._resolve)]


async def elicit(_context: Any, params: Any) -> types.ElicitResult:
    say("asked", params.message)
    return types.ElicitResult(action="accept", content=fill(params.requested_schema))


def fill(schema: dict[str, Any]) -> dict[str, Any]:
    """Something for each field of a form."""
    return {name: True if field["type"] == "boolean" else "x" for name, field in schema["properties"].items()}


async def steps(url: str) -> None:
    for mode in ("auto", "legacy"):
        async with Client(url, mode=mode, elicitation_callback=elicit) as client:
            say("version", client.protocol_version)
            say("tools", sorted(tool.name for tool in (await client.list_tools()).tools))
            seen: list[str] = []

            async def progress(_done: float, _total: float | None, message: str | None, seen: list[str] = seen) -> None:
                seen.append(message or "")

            result = await client.call_tool("test_tool_with_progress", {}, progress_callback=progress)
            say("progress", "running" in seen)
            say("result", result.is_error)
            result = await client.call_tool("test_elicitation", {"message": "Who are you?"})
            say("answered", result.structured_content)


async def follow(urls: list[str], task_id: str) -> None:
    """Looks at the task at whichever address answers, and answers what it asks."""
    said = None
    while True:
        for url in urls:
            try:
                async with Client(url, extensions=[Tasks()], elicitation_callback=elicit) as client:
                    while True:
                        seen = await ask(client.session, "tasks/get", task_id)
                        if seen.status != said:
                            say("status", seen.status)
                            said = seen.status
                        if seen.status == "input_required":
                            asked = seen.model_extra["inputRequests"].items()
                            responses = {
                                key: {"action": "accept", "content": fill(each["params"]["requestedSchema"])}
                                for key, each in asked
                            }
                            await ask(client.session, "tasks/update", task_id, inputResponses=responses)
                        if seen.status == "completed":
                            say("result", seen.model_extra["result"]["structuredContent"])
                            return
                        await asyncio.sleep(0.1)
            except Exception:  # the gateway is away, in whatever words the client has for it
                await asyncio.sleep(0.1)


async def make(key: str, urls: list[str]) -> None:
    tasks = Tasks()
    async with Client(urls[0], extensions=[tasks], elicitation_callback=elicit) as client:
        await client.call_tool("durable", {"key": key})
    say("task", tasks.made)
    await follow(urls, tasks.made)


if sys.argv[1] == "steps":
    asyncio.run(steps(sys.argv[2]))
elif sys.argv[1] == "follow":
    asyncio.run(follow(sys.argv[3:], sys.argv[2]))
else:
    asyncio.run(make(sys.argv[2], sys.argv[3:]))
