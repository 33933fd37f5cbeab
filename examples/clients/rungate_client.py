"""A client of ACP 0.1 with nothing but the standard library."""

import base64
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
import uuid


class RungateError(Exception):
    def __init__(self, status, text):
        super().__init__(f"{status} {text}")
        self.status = status


class RungateClient:
    """`url` is such as `http://127.0.0.1:8080`; `key` is made by `rungate key`, or a token."""

    def __init__(self, url, key=None):
        self._url = url
        self._headers = {"content-type": "application/json"}
        if key is not None:
            self._headers["authorization"] = f"Bearer {key}"

    def create(self, run, key=None):
        """Creates a run. `key` makes a repeated attempt safe: the gateway answers with the run of the first one."""
        return self._call("POST", "/runs", run, {"idempotency-key": key or str(uuid.uuid4())})

    def wait(self, run_id, block_seconds=30):
        """Waits until the run ends or interrupts: `{"type", "run_id", "status", …}`."""
        while True:
            output = self._call("GET", f"/runs/{run_id}/output?block_timeout={block_seconds}")
            if output is not None and output["status"] != "pending":
                return output

    def resume(self, run_id, payload):
        """Sends an interrupted run the payload that it asks for."""
        return self._call("POST", f"/runs/{run_id}", payload)

    def stream(self, run_id, retry_seconds=1.0):
        """Yields every event of the run, once and in order, over as many connections as it takes."""
        last_id = "0"
        while True:
            try:
                with self._open("GET", f"/runs/{run_id}/stream", None, {"last-event-id": last_id}) as response:
                    for event_id, data in _parse_events(response):
                        last_id = event_id
                        yield {"id": int(event_id), **data}
                        if data.get("status") in ("success", "error", "timeout"):
                            return
            except RungateError as error:
                if error.status < 500:
                    raise
            except OSError:
                pass  # The connection broke: continue after the last event.
            time.sleep(retry_seconds)

    def _call(self, method, path, body=None, headers=None):
        with self._open(method, path, body, headers) as response:
            text = response.read()
        return json.loads(text) if text else None

    def _open(self, method, path, body=None, headers=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self._url + path, data=data, method=method, headers={**self._headers, **(headers or {})}
        )
        try:
            return urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            raise RungateError(error.code, error.read().decode()) from None


def _parse_events(response):
    """Server-sent events of a response. Lines that begin with a colon are heartbeats."""
    fields = {}
    for raw in response:
        line = raw.decode().rstrip("\n")
        if line == "":
            if "data" in fields:
                yield fields["id"], json.loads(fields["data"])
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")


def verify_webhook(secret, headers, body, now=None, tolerance_seconds=300):
    """Whether a webhook is genuine: signed with the secret, and not older than five minutes. `body` is bytes."""
    timestamp = headers["webhook-timestamp"]
    if abs((time.time() if now is None else now) - int(timestamp)) > tolerance_seconds:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{timestamp}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = headers["webhook-signature"].split(" ")
    return any(hmac.compare_digest(each.removeprefix("v1,"), expected) for each in given)
