"""The part that drivers in Python share: a line in, its command done, a line out; one after another (driver.ts)."""

import base64 as b64
import json
import sys
import threading
import traceback

address = sys.argv[-1]
saying = threading.Lock()


def say(message):
    with saying:
        print(json.dumps(message), flush=True)


def serve(commands, end):
    for line in sys.stdin:
        command = json.loads(line)
        number, name = command.pop("id"), command.pop("do")
        try:
            if name not in commands:
                raise ValueError(f"this client has no {name}")
            say({"id": number, "result": commands[name](**command)})
        except Exception:
            say({"id": number, "error": traceback.format_exc()})
    end()


def from_base64(text):
    return None if text is None else b64.b64decode(text)


def to_base64(value):
    return None if value is None else b64.b64encode(value).decode()


def shown(partition, offset, timestamp, key, value, headers):
    return {
        "partition": partition,
        "offset": offset,
        "timestamp": timestamp,
        "key": to_base64(key),
        "value": to_base64(value),
        "headers": [[name, to_base64(header)] for name, header in headers or []],
    }


class Member:
    """Polls in a thread until it is told to stop. `poll` handles what there is, `close` leaves the group."""

    def __init__(self, poll, close):
        self.stopping = threading.Event()
        self.poll = poll
        self.close = close
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.is_set():
            self.poll()
        self.close()

    def leave(self):
        self.stopping.set()
        self.thread.join()
