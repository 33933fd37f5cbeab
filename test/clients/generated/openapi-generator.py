# Creates a run, waits for it and reads its result in each protocol, with clients that openapi-generator made.
# usage: openapi-generator.py GATEWAY_URL FOLDER_OF_CLIENTS

import sys
from importlib import import_module

gateway, folder = sys.argv[1:]
sys.path.insert(0, folder)
text = {"text": "hello"}


def open_runs(package, prefix):
    client = import_module(package)
    return client, client.RunsApi(client.ApiClient(client.Configuration(host=gateway + prefix)))


def acp_v01():
    client, runs = open_runs("acp_v01", "/acp/v0.1")
    run = runs.create_run(client.RunCreate(agent_id="echo", input=text))
    output = runs.get_run_output(run.run_id, block_timeout=20).actual_instance
    assert runs.get_run(run.run_id).status == client.RunStatus.SUCCESS
    return output.result


def acp_v02():
    client, runs = open_runs("acp_v02", "/acp/v0.2")
    run = runs.create_stateless_run(client.RunCreateStateless(agent_id="echo", input=text))
    waited = runs.wait_for_stateless_run_output(run.run_id)
    assert runs.get_stateless_run(run.run_id).status == client.RunStatus.SUCCESS
    return waited.output.actual_instance.values


def agent_protocol():
    client, runs = open_runs("agent_protocol", "/agent-protocol")
    run = runs.create_run(client.RunStream(agent_id="echo", input=text))
    waited = runs.wait_run(run.run_id)
    assert runs.get_run(run.run_id).status == client.RunStatus.SUCCESS
    return waited.values


for protocol in (acp_v01, acp_v02, agent_protocol):
    result = protocol()
    assert result == text, f"{protocol.__name__}: {result}"
    print(f"ok {protocol.__name__}")
