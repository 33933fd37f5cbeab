"""Makes the calls of Python's RemoteGraph and writes one line of JSON for each.

usage: remote-graph.py URL
"""

import asyncio
import sys
from typing import Any
from uuid import uuid4

from langgraph.graph import END, START, StateGraph
from langgraph.pregel.remote import RemoteGraph
from langgraph.types import Command
from langgraph_sdk import get_sync_client
from recorder import attempt, call

url = sys.argv[1]


def remote(name: str) -> Any:
    return RemoteGraph(name, url=url, api_key="unused")


async def new_thread() -> dict[str, Any]:
    thread = await attempt(get_sync_client(url=url, api_key=None).threads.create)
    return {"configurable": {"thread_id": (thread or {}).get("thread_id", str(uuid4()))}}


async def main() -> None:
    echo, chat, slow, approval, fail = (remote(name) for name in ("echo", "chat", "slow", "approval", "fail"))
    said = {"message": "hi"}
    talk = {"messages": [{"role": "human", "content": "hi"}]}
    await call("get_graph", lambda: echo.get_graph())
    await call("aget_graph with xray", lambda: echo.aget_graph(xray=True))
    await call("invoke", lambda: echo.invoke(said))
    await call("ainvoke", lambda: echo.ainvoke(said))
    config = await new_thread()
    await call("invoke on a thread", lambda: echo.invoke(said, config))
    await call("get_state", lambda: echo.get_state(config))
    await call("aget_state with subgraphs", lambda: echo.aget_state(config, subgraphs=True))
    await call("get_state_history", lambda: echo.get_state_history(config, limit=5))
    await call("update_state", lambda: echo.update_state(config, {"message": "new"}, as_node="echo"))
    for mode in ["values", "updates", "messages", "custom", ["values", "updates"]]:
        config = await new_thread()
        await call(f"stream, {mode}", lambda: chat.stream(talk, config, stream_mode=mode))
    await call("astream, slow", lambda: slow.astream({"ms": 500}, stream_mode=["custom", "values"]))
    config = await new_thread()
    await call("invoke, interrupted", lambda: approval.invoke({"question": "ok?"}, config))
    await call("get_state, interrupted", lambda: approval.get_state(config))
    await call("invoke, resumed", lambda: approval.invoke(Command(resume={"approved": True}), config))
    await call("invoke that fails", lambda: fail.invoke({"message": "boom"}))
    await call("invoke of no agent", lambda: remote("no-such-agent").invoke(said))
    graph = StateGraph(dict).add_node("far", echo).add_edge(START, "far").add_edge("far", END).compile()
    await call("invoke as a node of a local graph", lambda: graph.invoke(said))
    thread = {"configurable": {"thread_id": str(uuid4())}}
    await call("invoke on a thread of its own name", lambda: echo.invoke(said, thread))


asyncio.run(main())
