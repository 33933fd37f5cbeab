"""Answers with its text, at once, after a while, or after it has asked; or fails with it."""

import asyncio
from typing import TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt


class State(TypedDict, total=False):
    mode: str
    text: str
    ms: int
    answer: str


async def act(state: State) -> State:
    mode, text = state["mode"], state["text"]
    if mode == "fail":
        raise RuntimeError(text)
    if mode == "slow":
        await asyncio.sleep(state["ms"] / 1000)
    return {"answer": interrupt({"question": text})["text"] if mode == "ask" else text}


builder = StateGraph(State)
builder.add_node("act", act)
builder.add_edge(START, "act")
builder.add_edge("act", END)
graph = builder.compile()
