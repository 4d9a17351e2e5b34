"""Every payload of the public collections, through remora, in front of an application that records every byte.

The judge is support/strict.py, which was written from the RFCs alone: the application may see only requests that a
strict server would have read from the same bytes, in their order, each of them well-formed.
"""

import payloads as collection
import pytest
from support import strict
from support.fixtures import inbound
from support.running import Remora

ALL = collection.load()


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    started = []

    def start(config):
        started.append(Remora(str(tmp_path_factory.mktemp("remora")), config))
        return started[-1]

    yield collection.send_all(ALL, start, inbound)
    for remora in started:
        remora.stop()


def passed_on(outcome):
    """Requests that the application saw complete, without those of the next client."""
    return [request for reading in outcome.seen for request in reading.complete if request.target != "/next-client"]


def same(request, intended):
    return request.method == intended.method and request.body == intended.body


@pytest.mark.parametrize("payload", ALL, ids=lambda payload: payload.id)
def test_payload(payload, outcomes):
    outcome, intended = outcomes[payload.id], payload.reading
    if isinstance(outcome, Exception):
        raise outcome
    assert outcome.next_status == 200, "the next client wasn't served"
    for reading in outcome.seen:
        assert not reading.malformed, f"the application got something malformed: {reading.malformed}"
    seen = passed_on(outcome)
    assert len(seen) <= len(intended.complete), f"unintended requests reached the application: {seen}"
    for request, wanted in zip(seen, intended.complete):
        assert same(request, wanted), f"{wanted} became {request}"
    for answer in answers_in(outcome.answers, intended):
        assert answer.status != 101
    if payload.expect == "reject":
        check_rejected(outcome, intended)


def check_rejected(outcome, intended):
    """Something in these bytes must not be taken: either all was refused, or what stands behind the good part."""
    if outcome.answers and len(passed_on(outcome)) == len(intended.complete) and intended.malformed:
        last = answers_in(outcome.answers, intended)[-1]
        assert last.status >= 400, f"the last answer is {last.status}, though {intended.malformed}"


def answers_in(data, intended):
    methods = [request.method for request in intended.complete]
    methods.append("HEAD" if intended.rest.startswith(b"HEAD ") else "GET")  # refused as well without a body
    found, at = [], 0
    while at < len(data):
        method = methods[len(found)] if len(found) < len(methods) else "GET"
        response, used = strict.read_response(data[at:], method, closed=True)
        found.append(response)
        at += used
    return found
