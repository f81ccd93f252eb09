"""A client that comes back: it asks one question and prints the reply once, piece by piece, whatever ends its streams. Two rules make it so.

Which ends to come back from: those that are not the server's decision (without an ErrorInfo of the domain "parley"), unless their code
is hopeless; and those that the server decided, where it says UNAVAILABLE or when to try again. A gateway that dies behind Envoy is INTERNAL here.

How to hold a draft: each ReplyDelta goes over what is held, to its offset. After a reconnect the text comes again from byte 0.

    python3 -m pip install -r requirements.txt
    python3 survive.py [ADDRESS [QUESTION]]
"""

import random
import sys
import time
import uuid

import grpc
from conversation import ADDRESS, chat, chat_service_pb2_grpc, text
from google.rpc import error_details_pb2
from grpc_status import rpc_status

QUESTION = sys.argv[2] if len(sys.argv) > 2 else "Tell me everything about the sea."
HOPELESS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNIMPLEMENTED,
}


def wait_before_return(error, failures):
    """Seconds to wait before coming back, longer with every failure and never shorter than the server asks for; None: it would be in vain."""
    asked_s, decided = None, False
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        decided = decided or (detail.Unpack(info) and info.domain == "parley")
        if detail.Unpack(retry):
            asked_s = retry.retry_delay.ToTimedelta().total_seconds()
    if error.code() in HOPELESS or (decided and asked_s is None and error.code() != grpc.StatusCode.UNAVAILABLE):
        return None
    return max(asked_s or 0, min(5, 0.1 * 2**failures)) * (1 + random.random() / 4)


class Draft:
    """What is held of one reply, printed as it grows."""

    def __init__(self):
        self._held, self._attempt = b"", 0

    def begin(self, started):
        if started.attempt > self._attempt and started.continued_bytes == 0:
            self._show(b"")
        self._attempt = started.attempt

    def put(self, offset_bytes, piece):
        piece = piece.encode()
        if not self._held[offset_bytes:].startswith(piece):
            self._show(self._held[:offset_bytes] + piece)

    def complete(self, whole):
        self._show(whole.encode())

    def _show(self, now):
        shown, self._held = self._held, now
        # What a terminal shows cannot be taken back: another text begins on a line of its own.
        print(now[len(shown) :].decode() if now.startswith(shown) else "\n" + now.decode(), end="", flush=True)


def requests(hello, message):
    yield chat.ChatRequest(hello=hello)
    yield chat.ChatRequest(message=message)
    while True:
        time.sleep(10)
        yield chat.ChatRequest(ping=chat.Ping())


def main():
    stub = chat_service_pb2_grpc.ChatServiceStub(grpc.insecure_channel(ADDRESS))
    hello = chat.Hello(client_id=f"python-{uuid.uuid4()}", time_zone="Asia/Tokyo")
    # The same id at every return: it is said once, however often it arrives.
    message = chat.OutgoingMessage(client_message_id=str(uuid.uuid4()), parts=[text(QUESTION)])
    draft, failures = Draft(), 0
    while True:
        call = stub.Chat(requests(hello, message))
        try:
            for response in call:
                kind = response.event.WhichOneof("event")
                event = kind and getattr(response.event, kind)
                if kind == "welcome":
                    failures = 0
                    hello.resume_token, hello.conversation_id = event.resume_token, event.conversation_id
                elif kind == "reply_started":
                    draft.begin(event)
                elif kind == "reply_delta":
                    draft.put(event.offset_bytes, event.text)
                elif kind == "rejected" and not event.retryable:
                    raise SystemExit(f"rejected: {event.reason} {event.detail}")
                elif kind == "message" and event.reply_to_message_id:
                    draft.complete("".join(part.text for part in event.parts))
                    call.cancel()
                    return
                # Where to go on from. An answer to the same message said again has a sequence of its own past.
                if kind in ("accepted", "message") and not getattr(event, "duplicate", False):
                    hello.after_sequence = max(hello.after_sequence, event.sequence)
        except grpc.RpcError as error:
            wait_s = wait_before_return(error, failures)
            if wait_s is None:
                raise SystemExit(f"{error.code().name}: {error.details()}") from error
            print(f"[lost: {error.code().name}]", file=sys.stderr, flush=True)
            failures += 1
            time.sleep(wait_s)


if __name__ == "__main__":
    main()
