"""Drives a gateway with the sample agents: python3 examples/clients/demo.py [URL]"""

import json
import sys

from rungate_client import RungateClient

client = RungateClient(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080")


def say(*words):
    print(*words, flush=True)


# Create and wait. The same key gives the same run.
run = client.create({"agent_id": "echo", "input": {"hello": "world"}}, "demo-key-0002")
again = client.create({"agent_id": "echo", "input": {"hello": "world"}}, "demo-key-0002")
say("created once:", str(run["run_id"] == again["run_id"]).lower())
say("result:", json.dumps(client.wait(run["run_id"])["result"], separators=(",", ":")))

# Stream.
scrape = client.create({"agent_id": "scrape", "input": {"url": "https://shop.example", "seconds": 1}})
events = list(client.stream(scrape["run_id"], retry_seconds=0.05))
ids = [event["id"] for event in events]
say("events in order:", str(ids == list(range(1, len(ids) + 1))).lower())
say("prices:", events[-1]["result"]["count"])

# Resume.
approval = client.create({"agent_id": "approval", "input": {"question": "Refund 20 EUR?"}})
say("asks:", client.wait(approval["run_id"])["interrupt"]["question"])
client.resume(approval["run_id"], {"approved": True})
say("approved:", str(client.wait(approval["run_id"])["result"]["approved"]).lower())
