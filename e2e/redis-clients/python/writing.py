"""redis-py, with its own defaults. Arguments: where the cluster's Service is; the password is in the environment.

It does what ../writing.ts does: the same keys, lines and numbers.
"""

import json
import os
import re
import sys
import threading
import time

from redis.cluster import RedisCluster

NAME = "redis-py"
LANES = 4
PAUSE_S = 0.01
REPORT_S = 0.1
KEYS_AGAIN = 500
READ_TRIES = 500


class Writing:
    def __init__(self, client: RedisCluster) -> None:
        self.client = client
        self.lock = threading.Lock()
        self.acknowledged: dict[str, tuple[int, int]] = {}
        self.failures: dict[str, int] = {}
        self.under_way: set[str] = set()
        self.number = self.writes = self.failed = 0
        self.finishing = threading.Event()

    def begin(self) -> tuple[str, int] | None:
        with self.lock:
            self.number += 1
            mine = self.number
            own = mine % 2 == 0
            key = f"{NAME}:{mine}" if own else f"{NAME}:again-{mine % (2 * KEYS_AGAIN)}"
            if key in self.under_way:
                return None
            self.under_way.add(key)
            return key, mine

    def write(self) -> None:
        begun = self.begin()
        if begun is None:
            return
        key, mine = begun
        words = None
        try:
            self.client.set(key, mine)
        except Exception as error:  # whatever it is, the program goes on
            words = re.sub(r"[\d.]+(:\d+)?", "N", f"{type(error).__name__}: {error}")[:120]
        with self.lock:
            self.under_way.discard(key)
            if words is None:
                self.acknowledged[key] = (mine, time.time_ns() // 1_000_000)
                self.writes += 1
            else:
                self.failed += 1
                self.failures[words] = self.failures.get(words, 0) + 1

    def lane(self) -> None:
        while not self.finishing.is_set():
            self.write()
            time.sleep(PAUSE_S)

    def report(self) -> None:
        while not self.finishing.wait(REPORT_S):
            say({"writes": self.writes, "failed": self.failed})

    def read_back(self, key: str) -> str | None:
        for turn in range(READ_TRIES):
            try:
                return self.client.get(key)
            except Exception as error:
                if turn == READ_TRIES - 1:
                    return repr(error)
                time.sleep(PAUSE_S * 10)
        return None

    def lost(self) -> list[dict[str, object]]:
        lost = []
        for key, (wanted, at_ms) in self.acknowledged.items():
            found = self.read_back(key)
            if not (found is not None and found.isdigit() and int(found) >= wanted):
                lost.append({"key": key, "wanted": wanted, "found": found, "atMs": at_ms})
        return lost

    def run(self) -> None:
        threads = [threading.Thread(target=self.lane) for _ in range(LANES)]
        threads.append(threading.Thread(target=self.report))
        for thread in threads:
            thread.start()
        if sys.stdin.readline().strip() != "finish":
            os._exit(1)  # nobody is there any more
        self.finishing.set()
        for thread in threads:
            thread.join()
        counts = {"writes": self.writes, "failed": self.failed, "read": len(self.acknowledged)}
        say({**counts, "lost": self.lost(), "failures": self.failures})


def say(line: dict[str, object]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    where = {"host": sys.argv[1], "port": int(sys.argv[2])}
    password = os.environ["REDIS_PASSWORD"] or None
    with RedisCluster(**where, password=password, decode_responses=True) as cluster:
        Writing(cluster).run()
