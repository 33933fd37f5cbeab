# Creates a run, waits for it and reads its result in each protocol, with clients that openapi-python-client made.
# usage: openapi-python-client.py GATEWAY_URL FOLDER_OF_CLIENTS

import sys
from importlib import import_module

gateway, folder = sys.argv[1:]
sys.path.insert(0, folder)
text = {"text": "hello"}


class Protocol:
    def __init__(self, package, prefix):
        self.package = package
        self.client = import_module(package).Client(base_url=gateway + prefix, timeout=30)
        self.models = import_module(package + ".models")

    def call(self, operation, *args, **kwargs):
        module = import_module(f"{self.package}.api.runs.{operation}")
        answer = module.sync_detailed(*args, client=self.client, **kwargs)
        assert answer.status_code == 200, answer
        return answer.parsed


def acp_v01():
    protocol = Protocol("acp_v01", "/acp/v0.1")
    body = protocol.models.RunCreate.from_dict({"agent_id": "echo", "input": text})
    run = protocol.call("create_run", body=body)
    output = protocol.call("get_run_output", run.run_id, block_timeout=20)
    assert isinstance(output, protocol.models.RunResult), output
    return output.result


def acp_v02():
    protocol = Protocol("acp_v02", "/acp/v0.2")
    body = protocol.models.RunCreateStateless.from_dict({"agent_id": "echo", "input": text})
    run = protocol.call("create_stateless_run", body=body)
    waited = protocol.call("wait_for_stateless_run_output", run.run_id)
    assert isinstance(waited.output, protocol.models.RunResult), waited
    return waited.output.values


def agent_protocol():
    protocol = Protocol("agent_protocol", "/agent-protocol")
    body = protocol.models.RunStream.from_dict({"agent_id": "echo", "input": text})
    run = protocol.call("create_run", body=body)
    return protocol.call("wait_run", run.run_id).values.to_dict()


for protocol in (acp_v01, acp_v02, agent_protocol):
    result = protocol()
    assert result == text, f"{protocol.__name__}: {result}"
    print(f"ok {protocol.__name__}")
