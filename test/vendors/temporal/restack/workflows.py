from typing import Any

from pydantic import BaseModel
from restack_ai.agent import agent
from restack_ai.workflow import NonRetryableError, workflow


class Greeting(BaseModel):
    name: str


@workflow.defn()
class GreetWorkflow:
    @workflow.run
    async def run(self, workflow_input: Greeting) -> dict:
        return {"greeting": "Hello " + workflow_input.name}


@workflow.defn()
class FailWorkflow:
    @workflow.run
    async def run(self, workflow_input: Greeting) -> dict:
        raise NonRetryableError("the greeting went wrong")


class Approval(BaseModel):
    ok: bool


@agent.defn()
class ApproveAgent:
    def __init__(self) -> None:
        self.amount: int | None = None
        self.answer: bool | None = None
        self.heard = 0

    @agent.state
    def waiting_for(self) -> Any:
        return None if self.amount is None or self.answer is not None else {"amount": self.amount}

    @agent.event
    async def approve(self, approval: Approval) -> dict:
        self.heard += 1
        self.answer = approval.ok
        return {"heard": self.heard}

    @agent.run
    async def run(self, agent_input: dict) -> dict:
        self.amount = agent_input["amount"]
        await agent.condition(lambda: self.answer is not None)
        return {"approved": self.answer, "heard": self.heard}
