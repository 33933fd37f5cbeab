"""Makes the calls of LangGraph's Python SDK, asynchronous or synchronous, and writes one line of JSON for each.

usage: sdk.py URL async|sync
"""

import asyncio
import inspect
import sys
from typing import Any
from uuid import uuid4

from langgraph_sdk import get_client, get_sync_client
from recorder import attempt, call

url, mode = sys.argv[1:3]
# A connection for each call: the dev server ends one when it answers with 500, and the next call would fail for that.
make_client: Any = get_client if mode == "async" else get_sync_client
client: Any = make_client(url=url, api_key=None, headers={"connection": "close"})


def first(items: Any, member: str) -> Any:
    return items[0][member] if items else str(uuid4())


def member(value: Any, name: str) -> Any:
    return value[name] if isinstance(value, dict) and name in value else str(uuid4())


def is_done(part: Any) -> bool:
    return part.event == "metadata" and part.data.get("status") == "run_done"


def until_done(parts: Any) -> Any:
    """The stream of a thread as far as its first run; it has no end of its own."""

    async def follow() -> Any:
        # The asynchronous client promises this stream.
        async for part in await parts:
            yield part
            if is_done(part):
                return

    def iterate() -> Any:
        for part in parts:
            yield part
            if is_done(part):
                return

    return follow() if inspect.isawaitable(parts) else iterate()


async def new_thread() -> str:
    return member(await attempt(client.threads.create), "thread_id")


async def call_assistants() -> None:
    api = client.assistants
    found = await call("assistants.search", lambda: api.search(limit=100, sort_by="name", sort_order="asc"))
    await call("assistants.search by graph", lambda: api.search(graph_id="echo", sort_by="name", sort_order="asc"))
    await call("assistants.search with select", lambda: api.search(graph_id="echo", select=["assistant_id", "name"]))
    await call("assistants.search as an object", lambda: api.search(limit=2, sort_by="name", response_format="object"))
    await call("assistants.count", lambda: api.count(graph_id="echo"))
    uuid = first([one for one in found or [] if one["graph_id"] == "echo"], "assistant_id")
    await call("assistants.get", lambda: api.get(uuid))
    await call("assistants.get of none", lambda: api.get(str(uuid4())))
    await call("assistants.get_graph", lambda: api.get_graph(uuid))
    await call("assistants.get_graph with xray", lambda: api.get_graph(uuid, xray=2))
    await call("assistants.get_schemas", lambda: api.get_schemas(uuid))
    await call("assistants.get_subgraphs", lambda: api.get_subgraphs(uuid))
    await call("assistants.get_subgraphs, recursive", lambda: api.get_subgraphs(uuid, recurse=True))
    await call("assistants.get_versions", lambda: api.get_versions(uuid))
    made = await call("assistants.create", lambda: api.create("echo", name="mine"))
    own = member(made, "assistant_id")
    await call("assistants.update", lambda: api.update(own, metadata={"a": 1}))
    await call("assistants.set_latest", lambda: api.set_latest(own, 1))
    await call("assistants.delete", lambda: api.delete(own))


async def call_threads() -> None:
    api = client.threads
    mark = uuid4().hex
    thread = await call("threads.create", lambda: api.create(metadata={"mark": mark}))
    t = member(thread, "thread_id")
    await call("threads.create twice", lambda: api.create(thread_id=t))
    await call("threads.create, do_nothing", lambda: api.create(thread_id=t, if_exists="do_nothing"))
    await call("threads.create with ttl", lambda: api.create(ttl=60, metadata={"mark": mark}))
    await call("threads.create for a graph", lambda: api.create(graph_id="echo", metadata={"mark": mark}))
    await call("threads.get", lambda: api.get(t))
    await call("threads.get of none", lambda: api.get(str(uuid4())))
    await call("threads.update", lambda: api.update(t, metadata={"step": 1}))
    await call("threads.copy", lambda: api.copy(t))
    await call("threads.search", lambda: api.search(metadata={"mark": mark}, limit=2))
    await call("threads.search by ids", lambda: api.search(ids=[t]))
    by_update = {"status": "idle", "sort_by": "updated_at", "sort_order": "desc"}
    await call("threads.search, sorted", lambda: api.search(metadata={"mark": mark}, **by_update))
    select = ["thread_id", "status"]
    await call("threads.search with select", lambda: api.search(metadata={"mark": mark}, select=select))
    await call("threads.count", lambda: api.count(metadata={"mark": mark}))
    await call("threads.get_state, no run yet", lambda: api.get_state(t))
    await call("threads.get_history, no run yet", lambda: api.get_history(t))
    await call("runs.wait, first turn", lambda: client.runs.wait(t, "echo", input={"message": "a", "turn": 1}))
    await call("runs.wait, second turn", lambda: client.runs.wait(t, "echo", input={"message": "b", "turn": 2}))
    await call("threads.get after runs", lambda: api.get(t))
    await call("threads.search by graph", lambda: api.search(metadata={"mark": mark, "graph_id": "echo"}, sort_by="created_at"))
    await call("threads.search by values", lambda: api.search(metadata={"mark": mark}, values={"turn": 2}))
    extract = {"said": "values.message"}
    await call("threads.search with extract", lambda: api.search(metadata={"mark": mark}, extract=extract))
    state = await call("threads.get_state", lambda: api.get_state(t))
    await call("threads.get_state with subgraphs", lambda: api.get_state(t, subgraphs=True))
    point = member(state, "checkpoint")
    name = member(point, "checkpoint_id")
    await call("threads.get_state of a checkpoint id", lambda: api.get_state(t, checkpoint_id=name))
    await call("threads.get_state of a checkpoint", lambda: api.get_state(t, checkpoint=point))
    await call("threads.get_history", lambda: api.get_history(t))
    await call("threads.get_history, limited", lambda: api.get_history(t, limit=1))
    await call("threads.get_history before", lambda: api.get_history(t, limit=1, before=point))
    await call("threads.update_state", lambda: api.update_state(t, {"message": "c"}, as_node="echo"))
    await call("threads.get_state after the update", lambda: api.get_state(t))
    await call("threads.delete", lambda: api.delete(t))
    await call("threads.delete of none", lambda: api.delete(str(uuid4())))
    spare = await new_thread()
    await call("threads.prune", lambda: api.prune([spare]))


async def call_runs() -> None:
    api = client.runs
    t = await new_thread()
    said = {"message": "hi"}
    await call("runs.wait", lambda: api.wait(t, "echo", input=said))
    await call("runs.wait, stateless", lambda: api.wait(None, "echo", input=said))
    await call("runs.wait of no agent", lambda: api.wait(None, "no-such-agent", input=said))
    await call("runs.wait of no thread", lambda: api.wait(str(uuid4()), "echo", input=said))
    new = str(uuid4())
    await call("runs.wait, if_not_exists", lambda: api.wait(new, "echo", input=said, if_not_exists="create"))
    await call("runs.wait that fails", lambda: api.wait(None, "fail", input={"message": "boom"}))
    quiet = {"input": {"message": "boom"}, "raise_error": False}
    await call("runs.wait that fails, not raised", lambda: api.wait(None, "fail", **quiet))
    options = {"config": {"tags": ["a"], "recursion_limit": 10}, "metadata": {"m": 1}, "durability": "async"}
    await call("runs.wait with options", lambda: api.wait(t, "echo", input=said, on_completion=None, **options))
    run = await call("runs.create", lambda: api.create(t, "echo", input=said, metadata={"m": 1}))
    r = member(run, "run_id")
    await call("runs.join", lambda: api.join(t, r))
    await call("runs.get", lambda: api.get(t, r))
    await call("runs.get of none", lambda: api.get(t, str(uuid4())))
    await call("runs.list", lambda: api.list(t))
    await call("runs.list by status", lambda: api.list(t, status="success", limit=1))
    await call("runs.list with select", lambda: api.list(t, select=["run_id", "status"]))
    live = await call("runs.create, slow", lambda: api.create(t, "slow", input={"ms": 800}, stream_resumable=True))
    await call("runs.join_stream", lambda: api.join_stream(t, member(live, "run_id")))
    await call("runs.join_stream, values", lambda: api.join_stream(t, member(live, "run_id"), stream_mode="values"))
    again = {"last_event_id": "-1"}
    await call("runs.join_stream from the beginning", lambda: api.join_stream(t, member(live, "run_id"), **again))
    await call("runs.create, stateless", lambda: api.create(None, "echo", input=said))
    await call("runs.create, later", lambda: api.create(t, "echo", input=said, after_seconds=1))
    batch = [{"assistant_id": "echo", "input": said}, {"assistant_id": "echo", "input": {"message": "ho"}}]
    await call("runs.create_batch", lambda: api.create_batch(batch))
    await call("runs.delete", lambda: api.delete(t, r))


async def call_streams() -> None:
    api = client.runs
    t = await new_thread()
    modes = ["values", "updates", "messages", "messages-tuple", "custom", "events", "debug", "tasks", "checkpoints"]
    talk = {"messages": [{"type": "human", "content": "hi"}]}
    for one in modes:
        await call(f"runs.stream, {one}", lambda: api.stream(t, "chat", input=talk, stream_mode=one))
    several = ["values", "messages-tuple", "custom"]
    await call("runs.stream, three modes", lambda: api.stream(t, "chat", input=talk, stream_mode=several))
    own = await new_thread()
    await call("runs.stream, slow", lambda: api.stream(own, "slow", input={"ms": 600}, stream_mode=["custom", "values"]))
    await call("runs.stream, stateless", lambda: api.stream(None, "echo", input={"message": "hi"}))
    await call("runs.stream that fails", lambda: api.stream(None, "fail", input={"message": "boom"}))
    await call("runs.stream of no agent", lambda: api.stream(None, "no-such-agent", input={}))
    await call("threads.get_state of a chat", lambda: client.threads.get_state(t))
    for modes in [["run_modes"], ["lifecycle"]]:
        own = await new_thread()
        await attempt(lambda: api.create(own, "slow", input={"ms": 1500}, stream_mode=["values", "custom"]))
        joined = {"stream_mode": modes, "params": {"stream_modes": modes[0]}}
        await call(f"threads.join_stream, {modes[0]}", lambda: until_done(client.threads.join_stream(own, **joined)))


async def call_interrupts() -> None:
    api = client.runs
    for how, answer in [("wait", {"approved": True}), ("stream", {"approved": False})]:
        t = await new_thread()
        make = getattr(api, how)
        more = {"stream_mode": ["values", "updates"]} if how == "stream" else {}
        await call(f"runs.{how}, interrupted", lambda: make(t, "approval", input={"question": "ok?"}, **more))
        await call(f"threads.get, interrupted by {how}", lambda: client.threads.get(t))
        await call(f"threads.get_state, interrupted by {how}", lambda: client.threads.get_state(t))
        await call(f"threads.get_history, interrupted by {how}", lambda: client.threads.get_history(t))
        await call(f"runs.{how}, resumed", lambda: make(t, "approval", command={"resume": answer}, **more))
        await call(f"threads.get_state, resumed by {how}", lambda: client.threads.get_state(t))
    t = await new_thread()
    await call("runs.wait, resumed without an interrupt", lambda: api.wait(t, "approval", command={"resume": True}))


async def call_cancels() -> None:
    api = client.runs
    slow = {"input": {"ms": 20000}}

    async def start(**more: Any) -> tuple[str, str]:
        t = await new_thread()
        return t, member(await attempt(lambda: api.create(t, "slow", **slow, **more)), "run_id")

    t, r = await start()
    await call("runs.create on a busy thread, reject", lambda: api.create(t, "echo", input={}, multitask_strategy="reject"))
    waiting = await call(
        "runs.create on a busy thread, enqueue", lambda: api.create(t, "echo", input={}, multitask_strategy="enqueue")
    )
    await call("threads.get, busy", lambda: client.threads.get(t))
    await call("runs.cancel of a waiting run", lambda: api.cancel(t, member(waiting, "run_id")))
    await call("runs.cancel", lambda: api.cancel(t, r, wait=True))
    await call("runs.get, cancelled", lambda: api.get(t, r))
    await call("runs.cancel twice", lambda: api.cancel(t, r))
    t, r = await start()
    await call("runs.cancel, rollback", lambda: api.cancel(t, r, wait=True, action="rollback"))
    await call("runs.get, rolled back", lambda: api.get(t, r))
    t, r = await start()
    await call("runs.cancel_many", lambda: api.cancel_many(thread_id=t, run_ids=[r]))
    await call("runs.join, cancelled", lambda: api.join(t, r))
    t, r = await start()
    await call("runs.cancel_many by status", lambda: api.cancel_many(status="all"))


async def call_store() -> None:
    api = client.store
    space = ["sdk", uuid4().hex]
    await call("store.put_item", lambda: api.put_item(space, "likes", {"kind": "taste", "text": "tea"}))
    await call("store.put_item with ttl", lambda: api.put_item(space, "name", {"kind": "fact"}, ttl=60, index=False))
    await call("store.get_item", lambda: api.get_item(space, "likes"))
    await call("store.get_item of none", lambda: api.get_item(space, "nothing"))
    await call("store.search_items", lambda: api.search_items(space))
    await call("store.search_items by filter", lambda: api.search_items(space, filter={"kind": "fact"}))
    await call("store.search_items with query", lambda: api.search_items(space, query="drinks"))
    await call("store.list_namespaces", lambda: api.list_namespaces(prefix=space))
    await call("store.delete_item", lambda: api.delete_item(space, "likes"))


async def call_crons() -> None:
    api = client.crons
    made = await call("crons.create", lambda: api.create("echo", schedule="0 0 1 1 *", input={"message": "hi"}))
    await call("crons.search", lambda: api.search(limit=2))
    await call("crons.count", lambda: api.count())
    await call("crons.delete", lambda: api.delete(member(made, "cron_id")))


async def main() -> None:
    for part in [call_assistants, call_threads, call_runs, call_streams, call_interrupts, call_cancels]:
        await part()
    await call_store()
    await call_crons()


asyncio.run(main())
