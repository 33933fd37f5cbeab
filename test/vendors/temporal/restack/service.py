"""The published worker of Restack, with the two endpoints of its engine that it needs."""

import asyncio
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from restack_ai import Restack
from restack_ai.restack import CloudConnectionOptions
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from workflows import ApproveAgent, FailWorkflow, GreetWorkflow


class Engine(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404)
        self.end_headers()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_args: object) -> None:
        pass


async def main(address: str) -> None:
    engine = ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    threading.Thread(target=engine.serve_forever, daemon=True).start()
    client = await Client.connect(address)
    # Of the type Text; the engine of Restack has it.
    attributes = {"engineId": 1}
    request = AddSearchAttributesRequest(namespace="default", search_attributes=attributes)
    await client.operator_service.add_search_attributes(request)
    api_address = f"localhost:{engine.server_address[1]}"
    options = CloudConnectionOptions(engine_id="local", api_key=None, address=address, api_address=api_address)
    await Restack(options).start_service(
        workflows=[GreetWorkflow, FailWorkflow], agents=[ApproveAgent]
    )


asyncio.run(main(sys.argv[1]))
