"""Reads events with httpx-sse until it has COUNT of them: `read.py URL COUNT`.

Prints one JSON object a line for each event, and one for each time the connection was lost. Reconnects as
the package's documentation shows: with the last id, after the time that the server asked for.
"""

import json
import sys
import time

import httpx
from httpx_sse import connect_sse


def main(url: str, count: int) -> None:
    seen, last_id, retry_ms = 0, "", 0
    with httpx.Client(timeout=20, trust_env=False) as client:
        while seen < count:
            headers = {"Last-Event-ID": last_id} if last_id else {}
            with connect_sse(client, "GET", url, headers=headers) as source:
                source.response.raise_for_status()
                for sse in source.iter_sse():
                    last_id = sse.id or last_id
                    if sse.retry is not None:
                        retry_ms = sse.retry
                    if not sse.data or sse.event == "ping":
                        continue
                    seen += 1
                    print(json.dumps({"event": sse.event, "data": sse.data, "id": sse.id}), flush=True)
                    if seen == count:
                        return
            print(json.dumps({"lost": True}), flush=True)
            time.sleep(retry_ms / 1000)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
