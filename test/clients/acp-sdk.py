"""Drives every operation of ACP 0.2 with the protocol's own Python client, agntcy-acp. See README.md beside this file."""

import sys
import uuid

from agntcy_acp import (
    ACPClient,
    ApiClientConfiguration,
    ConflictException,
    NotFoundException,
    UnprocessableEntityException,
)
from agntcy_acp.models import (
    AgentSearchRequest,
    Config,
    RunCreateStateful,
    RunCreateStateless,
    RunSearchRequest,
    StreamingMode,
    StreamMode,
    ThreadCreate,
    ThreadPatch,
    ThreadSearchRequest,
)

results = []


def step(name):
    """Runs the function at once, and keeps whether it went through."""

    def run(function):
        try:
            function()
            results.append((name, None))
        except Exception as fault:  # a client's own faults are what is looked for
            results.append((name, f"{type(fault).__name__}: {str(fault).splitlines()[0][:200]}"))

    return run


def must_raise(kind, call):
    try:
        call()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was not raised")


def events_of(stream):
    """What a stream says. This client repeats events it has given when bytes come in parts; ids are told once here."""
    seen = {}
    for event in stream:
        seen[event.id] = event.data.actual_instance
    return [seen[key] for key in sorted(seen, key=int)]


def agents(client):
    found = client.search_agents(AgentSearchRequest(name="echo"))
    assert [agent.metadata.ref.name for agent in found] == ["echo"]
    agent_id = found[0].agent_id

    @step("get_agent_by_id")
    def _():
        assert client.get_agent_by_id(agent_id).metadata.ref.version == "1.0.0"

    @step("get_acp_descriptor_by_id")
    def _():
        specs = client.get_acp_descriptor_by_id(agent_id).specs
        assert specs.capabilities.threads and specs.capabilities.streaming.values

    @step("an agent that is not there")
    def _():
        must_raise(NotFoundException, lambda: client.get_agent_by_id(str(uuid.uuid4())))


def stateless(client):
    request = RunCreateStateless(
        agent_id="echo",
        input={"hello": "world"},
        metadata={"from": "python"},
        config=Config(tags=["a"], recursion_limit=3),
        stream_mode=StreamMode(StreamingMode.VALUES),
    )

    @step("create, get, wait, delete a stateless run")
    def _():
        run = client.create_stateless_run(request)
        assert run.creation.input == {"hello": "world"} and run.creation.config.tags == ["a"]
        waited = client.wait_for_stateless_run_output(run.run_id)
        assert waited.output.actual_instance.values == {"hello": "world"}
        assert client.get_stateless_run(run.run_id).status.value == "success"
        found = client.search_stateless_runs(RunSearchRequest(metadata={"from": "python"}, limit=1000))
        assert run.run_id in [each.run_id for each in found]
        client.delete_stateless_run(run.run_id)
        must_raise(NotFoundException, lambda: client.get_stateless_run(run.run_id))

    @step("create_and_wait_for_stateless_run_output")
    def _():
        waited = client.create_and_wait_for_stateless_run_output(request)
        assert waited.output.actual_instance.values == {"hello": "world"}

    @step("an agent that fails")
    def _():
        waited = client.create_and_wait_for_stateless_run_output(RunCreateStateless(agent_id="fail"))
        assert waited.run.status.value == "error" and waited.output.actual_instance.errcode > 0

    @step("create_and_stream_stateless_run_output")
    def _():
        told = events_of(client.create_and_stream_stateless_run_output(request))
        assert [each.type for each in told] == ["values"], told
        assert told[-1].values == {"hello": "world"}

    @step("stream_stateless_run_output, every mode")
    def _():
        run = client.create_stateless_run(RunCreateStateless(agent_id="echo", input={"n": 1}))
        told = events_of(client.stream_stateless_run_output(run.run_id))
        assert {each.type for each in told} == {"custom", "values"}, told

    @step("an interrupt, streamed; resume_stateless_run")
    def _():
        asked = RunCreateStateless(agent_id="approval", input={})
        told = events_of(client.create_and_stream_stateless_run_output(asked))
        assert told[-1].type == "interrupt", told
        client.resume_stateless_run(told[-1].run_id, {"approved": True})
        waited = client.wait_for_stateless_run_output(told[-1].run_id)
        assert waited.output.actual_instance.values["approved"] is True
        must_raise(ConflictException, lambda: client.resume_stateless_run(told[-1].run_id, {"approved": True}))

    @step("after_seconds, cancel_stateless_run")
    def _():
        run = client.create_stateless_run(RunCreateStateless(agent_id="echo", input={}, after_seconds=600))
        client.cancel_stateless_run(run.run_id, wait=True)
        output = client.wait_for_stateless_run_output(run.run_id).output.actual_instance
        assert (output.type, output.errcode) == ("error", 1000)
        client.cancel_stateless_run(run.run_id, action="rollback")
        must_raise(NotFoundException, lambda: client.get_stateless_run(run.run_id))

    @step("a request that is not valid")
    def _():
        bad = RunCreateStateless(agent_id="scrape", input={})
        must_raise(UnprocessableEntityException, lambda: client.create_stateless_run(bad))


def threads(client):
    thread = client.create_thread(ThreadCreate(metadata={"from": "python"}))
    thread_id = thread.thread_id

    @step("create_thread twice")
    def _():
        again = ThreadCreate(thread_id=thread_id)
        must_raise(ConflictException, lambda: client.create_thread(again))
        assert client.create_thread(ThreadCreate(thread_id=thread_id, if_exists="do_nothing")).thread_id == thread_id

    @step("create, get, list, wait for a thread run")
    def _():
        run = client.create_thread_run(thread_id, RunCreateStateful(agent_id="echo", input={"turn": 1}))
        waited = client.wait_for_thread_run_output(thread_id, run.run_id)
        assert waited.output.actual_instance.values == {"turn": 1}
        assert client.get_thread_run(thread_id, run.run_id).thread_id == thread_id
        assert [each.run_id for each in client.list_thread_runs(thread_id)] == [run.run_id]
        assert client.get_thread(thread_id).values == {"turn": 1}

    @step("create_and_wait, create_and_stream, stream_thread_run_output")
    def _():
        asked = RunCreateStateful(agent_id="echo", input={"turn": 2})
        waited = client.create_and_wait_for_thread_run_output(thread_id, asked)
        assert waited.output.actual_instance.values == {"turn": 2}
        told = events_of(client.create_and_stream_thread_run_output(thread_id, asked))
        again = events_of(client.stream_thread_run_output(thread_id, told[-1].run_id))
        assert [each.type for each in told] == [each.type for each in again]

    @step("multitask_strategy, cancel_thread_run, delete_thread_run")
    def _():
        slow = RunCreateStateful(agent_id="approval", input={})
        run = client.create_thread_run(thread_id, slow)
        must_raise(ConflictException, lambda: client.create_thread_run(thread_id, slow))
        queued = client.create_thread_run(
            thread_id, RunCreateStateful(agent_id="echo", input={"turn": 3}, multitask_strategy="enqueue")
        )
        client.cancel_thread_run(thread_id, run.run_id, wait=True)
        waited = client.wait_for_thread_run_output(thread_id, queued.run_id)
        assert waited.output.actual_instance.values == {"turn": 3}
        client.delete_thread_run(thread_id, run.run_id)
        must_raise(NotFoundException, lambda: client.get_thread_run(thread_id, run.run_id))

    @step("resume_thread_run")
    def _():
        asked = RunCreateStateful(agent_id="approval", input={})
        waited = client.create_and_wait_for_thread_run_output(thread_id, asked)
        assert waited.output.actual_instance.type == "interrupt"
        client.resume_thread_run(thread_id, waited.run.run_id, {"approved": False})
        assert client.wait_for_thread_run_output(thread_id, waited.run.run_id).run.status.value == "success"

    @step("patch, history, search, copy, delete a thread")
    def _():
        patched = client.patch_thread(thread_id, ThreadPatch(metadata={"step": 1}, values={"own": True}))
        assert patched.metadata == {"from": "python", "step": 1} and patched.values == {"own": True}
        history = client.get_thread_history(thread_id, limit=2)
        assert history[0].values == {"own": True} and len(history) == 2
        older = client.get_thread_history(thread_id, before=history[0].checkpoint.checkpoint_id)
        assert older[0].checkpoint.checkpoint_id == history[1].checkpoint.checkpoint_id
        found = client.search_threads(ThreadSearchRequest(metadata={"step": 1}, values={"own": True}))
        assert thread_id in [each.thread_id for each in found]
        copy = client.copy_thread(thread_id)
        assert copy.thread_id != thread_id and copy.values == {"own": True}
        for each in (copy.thread_id, thread_id):
            client.delete_thread(each)
            must_raise(NotFoundException, lambda: client.get_thread(each))


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: acp-sdk.py BASE_URL, such as http://127.0.0.1:8080/acp/v0.2")
    with ACPClient(configuration=ApiClientConfiguration(host=sys.argv[1], retries=0)) as client:
        for part in (agents, stateless, threads):
            step(part.__name__)(lambda: part(client))
    for name, fault in results:
        print(f"{'ok    ' if fault is None else 'FAILED'} {name}{'' if fault is None else ': ' + fault}")
    sys.exit(any(fault is not None for _, fault in results))


main()
