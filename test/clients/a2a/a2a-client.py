"""Drives the published client a2a-sdk, unmodified, against agents of a gateway, in both bindings.

    a2a-client.py URL
"""

import asyncio
import sys
import uuid

import httpx
from a2a.client import ClientConfig, ClientFactory
from a2a.helpers.proto_helpers import new_data_message, new_text_message
from a2a.types import a2a_pb2 as pb
from google.protobuf.json_format import MessageToDict


async def collect(stream):
    return [MessageToDict(each) for each in [event async for event in stream]]


def task_of(events):
    return next(each["task"] for each in reversed(events) if "task" in each)


def request_of(message):
    message.message_id = str(uuid.uuid4())
    return pb.SendMessageRequest(message=message)


async def steps(url, binding, streaming):
    name = f"{binding}, {'streaming' if streaming else 'polling'}"
    config = ClientConfig(
        streaming=streaming,
        httpx_client=httpx.AsyncClient(timeout=30),
        supported_protocol_bindings=[binding],
    )
    factory = ClientFactory(config)

    support = await factory.create_from_url(f"{url}/a2a/support")
    events = await collect(support.send_message(request_of(new_text_message("hello", role=pb.ROLE_USER))))
    states = [e.get("task", e.get("statusUpdate", {})).get("status", {}).get("state") for e in events]
    assert "TASK_STATE_COMPLETED" in states, events
    print("ok", name, "text", len(events))

    scrape = await factory.create_from_url(f"{url}/a2a/scrape")
    message = new_data_message({"url": "https://shop.example/a", "seconds": 0}, role=pb.ROLE_USER)
    events = await collect(scrape.send_message(request_of(message)))
    task = await scrape.get_task(pb.GetTaskRequest(id=task_of(events)["id"]))
    data = MessageToDict(task)["artifacts"][0]["parts"][-1]["data"]
    assert "items" in data, data
    print("ok", name, "data and get")

    listed = await scrape.list_tasks(pb.ListTasksRequest(page_size=1))
    assert listed.tasks[0].id == task.id and listed.total_size >= 1, listed
    print("ok", name, "list")

    approval = await factory.create_from_url(f"{url}/a2a/approval")
    events = await collect(approval.send_message(request_of(new_data_message({"message": "refund"}, role=pb.ROLE_USER))))
    asked = await approval.get_task(pb.GetTaskRequest(id=task_of(events)["id"]))
    assert asked.status.state == pb.TASK_STATE_INPUT_REQUIRED, asked
    answer = new_data_message({"approved": True}, role=pb.ROLE_USER)
    answer.task_id = asked.id
    events = await collect(approval.send_message(request_of(answer)))
    done = await approval.get_task(pb.GetTaskRequest(id=asked.id))
    assert done.status.state == pb.TASK_STATE_COMPLETED, done
    print("ok", name, "question and answer")

    events = await collect(approval.send_message(request_of(new_data_message({"message": "no"}, role=pb.ROLE_USER))))
    canceled = await approval.cancel_task(pb.CancelTaskRequest(id=task_of(events)["id"]))
    assert canceled.status.state == pb.TASK_STATE_CANCELED, canceled
    try:
        await approval.cancel_task(pb.CancelTaskRequest(id=canceled.id))
        raise SystemExit("a task that is over was canceled")
    except Exception as error:
        print("ok", name, "cancel, then", type(error).__name__)


async def main():
    for binding in ("JSONRPC", "HTTP+JSON"):
        for streaming in (True, False):
            await steps(sys.argv[1], binding, streaming)
    print("all steps", flush=True)


asyncio.run(main())
