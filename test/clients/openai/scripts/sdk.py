"""Lets OpenAI's SDK for Python use the gateway, and check every answer by its own schemas.

usage: sdk.py GATEWAY_URL
"""

import json
import sys

import openai

client = openai.OpenAI(
    base_url=f"{sys.argv[1]}/v1", api_key="none", max_retries=0, _strict_response_validation=True
)


def strict(event):
    """The events of a stream are not checked by the SDK itself."""
    type(event).model_validate_json(event.model_dump_json(warnings="error"), strict=False)
    return event


models = client.models.list().data
assert "support" in [model.id for model in models]
assert client.models.retrieve("support").id == "support"
print("ok models")

response = client.responses.create(model="support", input="Where is my order?")
assert (response.status, response.output_text) == ("completed", "You wrote: Where is my order?")
assert client.responses.retrieve(response.id) == response
assert client.responses.input_items.list(response.id).data[0].content[0].text == "Where is my order?"
print("ok create, retrieve, input_items")

events = [strict(event) for event in client.responses.create(model="support", input="And now?", stream=True)]
assert events[-1].type == "response.completed"
middle = events[len(events) // 2].sequence_number
rest = client.responses.retrieve(events[-1].response.id, stream=True, starting_after=middle)
assert [event.type for event in rest] == [event.type for event in events if event.sequence_number > middle]
with client.responses.stream(model="support", input="And then?") as stream:
    assert stream.get_final_response().output_text == "You wrote: And then?"
print("ok streams")

first = client.responses.create(model="chat", input="My name is Ada.")
second = client.responses.create(model="chat", input="What is my name?", previous_response_id=first.id)
assert second.output_text == "(2) You said: What is my name?"
conversation = client.conversations.create(metadata={"customer": "7"})
joined = client.responses.create(model="chat", input="Hello.", conversation=conversation.id)
assert joined.conversation.id == conversation.id
print("ok conversations")

asked = client.responses.create(model="approval", input="Shall I?")
call = asked.output[0]
assert json.loads(call.arguments)["question"] == "Shall I?"
output = {"type": "function_call_output", "call_id": call.call_id, "output": '{"approved": true}'}
answered = client.responses.create(model="approval", input=[output], previous_response_id=asked.id)
assert json.loads(answered.output_text) == {"approved": True, "rounds": 1}
print("ok a question")

slow = client.responses.create(
    model="scrape", input='{"url": "https://shop.example/1", "seconds": 30}', background=True
)
assert slow.status in ("queued", "in_progress")
assert client.responses.cancel(slow.id).status == "cancelled"
client.responses.delete(slow.id)
print("ok cancel, delete")

for call, expected in (
    (lambda: client.responses.retrieve(slow.id), openai.NotFoundError),
    (lambda: client.responses.create(model="nobody", input="x"), openai.NotFoundError),
    (lambda: client.responses.create(model="support", input="x", instructions="y"), openai.BadRequestError),
):
    try:
        call()
    except openai.APIStatusError as error:
        assert type(error) is expected and error.code, error
    else:
        raise AssertionError(f"no {expected}")
print("ok errors")
