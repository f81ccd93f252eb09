"""A conversation with everything in it, through a client generated from proto/: text, voice, a video, a picture, a stopped reply, a
connection lost and found again, history, search, and a deletion. Needs a server on 127.0.0.1:50051 (npm start), or another one named
as the first argument.

    python3 -m pip install -r requirements.txt
    python3 conversation.py
"""

import hashlib
import io
import math
import queue
import struct
import sys
import tempfile
import threading
import urllib.request
import uuid
import wave
import zlib
from pathlib import Path

import grpc
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[3]
ADDRESS = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"
PATIENCE_S = 30


def generate() -> None:
    """Makes the client from the .proto files, as any language does, and puts it where Python finds it."""
    out = tempfile.mkdtemp(prefix="parley-python-")
    files = sorted(str(file) for file in (ROOT / "proto/chat/v1").glob("*.proto"))
    well_known = Path(protoc.__file__).parent / "_proto"
    arguments = [f"-I{ROOT / 'proto'}", f"-I{well_known}", f"--python_out={out}", f"--grpc_python_out={out}"]
    if protoc.main(["protoc", *arguments, *files]) != 0:
        raise SystemExit("the .proto files could not be compiled")
    sys.path.insert(0, out)


generate()
from chat.v1 import chat_service_pb2 as chat  # noqa: E402  (it is there only now)
from chat.v1 import chat_service_pb2_grpc, content_pb2, history_service_pb2, history_service_pb2_grpc  # noqa: E402
from chat.v1 import media_service_pb2, media_service_pb2_grpc  # noqa: E402


class Session:
    """One bidirectional stream: requests go into a queue, events come out of an iterator."""

    def __init__(self, stub, hello):
        self._requests = queue.SimpleQueue()
        self._requests.put(chat.ChatRequest(hello=hello))
        self._call = stub.Chat(iter(self._requests.get, None))
        self._over = threading.Event()
        self.welcome = self.wait("welcome")
        threading.Thread(target=self._stay_alive, daemon=True).start()

    def _stay_alive(self):
        interval = self.welcome.heartbeat_interval.ToTimedelta().total_seconds()
        while not self._over.wait(interval):
            self._requests.put(chat.ChatRequest(ping=chat.Ping()))

    def wait(self, kind, matches=lambda body: True):
        """The next event of this kind that matches; those before it are passed over."""
        for response in self._call:
            name = response.event.WhichOneof("event")
            if name is None:  # an event of a later release than these .proto files
                continue
            body = getattr(response.event, name)
            if name == "rejected" and body.reason != "STOPPED":
                raise SystemExit(f"rejected: {body.reason} {body.detail}")
            if name == kind and matches(body):
                return body
        raise SystemExit("the stream has ended")

    def say(self, *parts):
        message = chat.OutgoingMessage(client_message_id=str(uuid.uuid4()), parts=parts)
        self._requests.put(chat.ChatRequest(message=message))
        return self.wait("accepted", lambda body: body.client_message_id == message.client_message_id)

    def stop(self, message_id):
        """Stops the reply; it ends with what was said of it, or, when that was nothing, with a refusal."""
        self._requests.put(chat.ChatRequest(stop_message_id=message_id))
        for response in self._call:
            event = response.event
            if event.WhichOneof("event") == "message" and event.message.reply_to_message_id == message_id:
                return f"stopped after {len(event.message.parts[0].text)} characters"
            if event.WhichOneof("event") == "rejected" and event.rejected.message_id == message_id:
                return event.rejected.reason
        raise SystemExit("the stream has ended")

    def reply_to(self, accepted):
        return self.wait("message", lambda body: body.reply_to_message_id == accepted.message_id)

    def lose(self):
        """As if the network were gone."""
        self._over.set()
        self._call.cancel()

    def leave(self):
        self._over.set()
        self._requests.put(chat.ChatRequest(goodbye=chat.Goodbye()))
        for _ in self._call:
            pass


def text(words):
    return content_pb2.Part(text=words)


def inline(kind, content_type, data):
    return content_pb2.Part(media=content_pb2.Media(kind=kind, content_type=content_type, inline_data=data))


def tone():
    """A second of 440 Hz, as WAV."""
    rate = 8_000
    samples = (int(12_000 * math.sin(2 * math.pi * 440 * i / rate)) for i in range(rate))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return out.getvalue()


def picture():
    """Blue fading into red, as PNG."""
    size = 64
    rows = b"".join(b"\0" + bytes(v for x in range(size) for v in (4 * x, 60, 255 - 4 * x)) for _ in range(size))

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def upload(media, client_id, kind, content_type, data):
    """What is too large for the stream goes to a signed URL; the message then names it."""
    digest = hashlib.sha256(data).digest()
    request = media_service_pb2.CreateUploadRequest(
        kind=kind, content_type=content_type, size_bytes=len(data), sha256=digest, client_id=client_id
    )
    target = media.CreateUpload(request, timeout=PATIENCE_S)
    put = urllib.request.Request(target.upload_url, data, dict(target.upload_headers), method="PUT")
    with urllib.request.urlopen(put, timeout=PATIENCE_S) as answer:
        print(f"  PUT {len(data)} bytes: {answer.status}")
    return content_pb2.Part(media=content_pb2.Media(kind=kind, content_type=content_type, media_id=target.media_id))


def show(reply):
    for part in reply.parts:
        if part.WhichOneof("value") == "text":
            print(f"  bot: {part.text}")
            continue
        media = part.media
        with urllib.request.urlopen(media.url, timeout=PATIENCE_S) as answer:
            data = answer.read()
        intact = len(data) == media.size_bytes and hashlib.sha256(data).digest() == media.sha256
        print(f"  bot: [{media.content_type}, {len(data)} bytes, {'intact' if intact else 'DAMAGED'}]")


def main():
    channel = grpc.insecure_channel(ADDRESS)
    stub = chat_service_pb2_grpc.ChatServiceStub(channel)
    media = media_service_pb2_grpc.MediaServiceStub(channel)
    history = history_service_pb2_grpc.HistoryServiceStub(channel)
    me = f"python-{uuid.uuid4()}"

    session = Session(stub, chat.Hello(client_id=me, time_zone="Asia/Tokyo"))
    conversation = session.welcome.conversation_id
    print(f"welcome to {conversation}")

    print("text")
    show(session.reply_to(session.say(text("Good evening! What time is it?"))))
    print("voice")
    show(session.reply_to(session.say(inline(content_pb2.KIND_VOICE, "audio/wav", tone()))))
    print("picture")
    show(session.reply_to(session.say(text("What is this?"), inline(content_pb2.KIND_IMAGE, "image/png", picture()))))
    print("video")
    clip = (ROOT / "src/testing/samples/clip.mp4").read_bytes()
    show(session.reply_to(session.say(upload(media, me, content_pb2.KIND_VIDEO, "video/mp4", clip))))

    print("stop")
    accepted = session.say(text("Tell me everything about the sea."))
    print(f"  {session.stop(accepted.message_id)}")

    print("the connection is lost, and found again")
    session.lose()
    hello = chat.Hello(client_id=me, time_zone="Asia/Tokyo", conversation_id=conversation)
    hello.resume_token = session.welcome.resume_token
    hello.after_sequence = accepted.sequence
    hello.wait_for_slot.FromSeconds(10)
    session = Session(stub, hello)
    last = session.reply_to(session.say(text("Are you still there?")))
    show(last)

    print("history")
    everything = history_service_pb2.ListMessagesRequest(conversation_id=conversation, at_least_sequence=last.sequence)
    for message in history.ListMessages(everything, timeout=PATIENCE_S).messages:
        role = "bot" if message.role == content_pb2.ROLE_ASSISTANT else "me"
        kinds = [part.WhichOneof("value") if part.WhichOneof("value") == "text" else part.media.content_type for part in message.parts]
        print(f"  {message.sequence:6} {role:4} {content_pb2.MessageStatus.Name(message.status)[15:]:10} {', '.join(kinds)}")

    print("search for 'still there'")
    found = history.SearchMessages(
        history_service_pb2.SearchMessagesRequest(query="still there", client_id=me), timeout=PATIENCE_S
    )
    for message in found.messages:
        print(f"  {message.parts[0].text}")

    session.leave()
    print("delete")
    history.DeleteConversation(history_service_pb2.DeleteConversationRequest(conversation_id=conversation))
    try:
        history.GetConversation(history_service_pb2.GetConversationRequest(conversation_id=conversation))
        raise SystemExit("it is still there")
    except grpc.RpcError as error:
        print(f"  {error.code().name}: {error.details()}")


if __name__ == "__main__":
    main()
