import json
import sys

from skyvern.client import Skyvern

client = Skyvern(api_key="test-key", base_url=sys.argv[1])
run = client.run_task(prompt="buy milk", max_steps=5, webhook_url="https://runs.example/push/x")
client.get_run(run.run_id)
status = client.get_run(run.run_id).status
client.cancel_run(run.run_id)
print(json.dumps({"id": run.run_id, "status": status}))
