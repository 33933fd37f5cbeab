"""Makes one call after the other, and writes one line of JSON for each, with the whole answer."""

import asyncio
import dataclasses
import inspect
import json
from typing import Any, Callable

MAX_CALL_SECONDS = 60


def describe(part: Any) -> Any:
    """An event of a run's stream; those of RemoteGraph are pairs."""
    if isinstance(part, tuple) and not hasattr(part, "_fields") and len(part) == 2 and isinstance(part[0], str):
        return {"event": part[0], "data": part[1]}
    return {"event": part.event, "data": part.data} if hasattr(part, "event") else part


async def settle(answer: Any) -> Any:
    """An awaitable's value, the parts of a stream of either kind, or the value itself."""
    if hasattr(answer, "__aiter__"):
        return [describe(part) async for part in answer]
    if hasattr(answer, "__next__"):
        return [describe(part) for part in answer]
    return await answer if inspect.isawaitable(answer) else answer


async def call(name: str, make: Callable[[], Any]) -> Any:
    """What fails answers None, and the calls that follow go on."""
    line: dict[str, Any] = {"call": name}
    try:
        value = await asyncio.wait_for(settle(make()), MAX_CALL_SECONDS)
        line |= {"ok": True, "value": value}
    except Exception as fault:
        value = None
        status = getattr(getattr(fault, "response", None), "status_code", None)
        line |= {"ok": False, "error": type(fault).__name__, "status": status, "text": str(fault)[:300]}
    print(json.dumps(line, default=encode), flush=True)
    return value


async def attempt(make: Callable[[], Any]) -> Any:
    """A call that others need and that is not judged itself; one that fails gives None, and those others fail."""
    try:
        return await settle(make())
    except Exception:
        return None


def encode(value: Any) -> Any:
    """Messages and interrupts are objects of the library."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    for name in ("model_dump", "to_json", "_asdict"):
        if hasattr(value, name) and not isinstance(value, type):
            return getattr(value, name)()
    return vars(value) if hasattr(value, "__dict__") else str(value)
