"""The agents of the sandbox as graphs: one node each, named like its graph, with the same inputs and outputs."""

import asyncio
from typing import Any, TypedDict

from langchain_core.messages import AIMessage
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt


def compile_one(name: str, state: Any, node: Any) -> Any:
    return StateGraph(state).add_node(name, node).add_edge(START, name).add_edge(name, END).compile()


class Echo(TypedDict, total=False):
    message: str
    turn: int


class Chat(MessagesState, total=False):
    response: str


class Slow(TypedDict, total=False):
    message: str
    ms: int


class Approval(TypedDict, total=False):
    question: str
    approved: bool
    rounds: int


class Fail(TypedDict, total=False):
    message: str


async def run_echo(state: Echo) -> Echo:
    return {**state}


async def run_chat(state: Chat) -> dict[str, Any]:
    turn = sum(message.type == "human" for message in state["messages"])
    text = f"({turn}) You said: {state['messages'][-1].text}"
    return {"messages": [AIMessage(text)], "response": text}


async def run_slow(state: Slow) -> Slow:
    write = get_stream_writer()
    for step in range(5):
        write({"step": step, "of": 5, "percent": step * 20})
        await asyncio.sleep(state.get("ms", 1000) / 5000)
    return {**state}


async def run_approval(state: Approval) -> Approval:
    answer = interrupt({"interrupt_type": "approval", "question": state["question"], "round": 1, "request": state})
    return {"approved": answer["approved"], "rounds": 1}


async def run_fail(state: Fail) -> Fail:
    raise RuntimeError(state.get("message", "the agent failed"))


echo = compile_one("echo", Echo, run_echo)
chat = compile_one("chat", Chat, run_chat)
slow = compile_one("slow", Slow, run_slow)
approval = compile_one("approval", Approval, run_approval)
fail = compile_one("fail", Fail, run_fail)
