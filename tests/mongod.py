"""Real `mongod` processes for tests: one that stands alone, and a replica set whose nodes can be killed and frozen."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

WHEEL = Path(sysconfig.get_paths()["purelib"]) / "fiftyone/db/bin/mongod"
START_S = 30.0
SET = "rs"


def find_mongod() -> str | None:
    """`mongod` on PATH, or the one inside the wheel of requirements-dev.txt."""
    return shutil.which("mongod") or (str(WHEEL) if WHEEL.exists() else None)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for(what: Callable[[], Any], seconds: float = START_S) -> Any:
    """What `what` gives once it is true; errors of the driver count as not yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if value := what():
                return value
        except PyMongoError:
            pass
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


@dataclass
class Node:
    """One mongod on loopback. It keeps its port and its files when it is started again."""

    binary: str
    folder: Path
    port: int
    replica_set: str = ""
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        options = ["--port", str(self.port), "--dbpath", str(self.folder), "--bind_ip", "127.0.0.1", "--nounixsocket"]
        options += ["--wiredTigerCacheSizeGB", "0.25", "--setParameter", "ttlMonitorSleepSecs=1", "--quiet"]
        options += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        # so that a test can make a chosen command fail (`failCommand`)
        options += ["--setParameter", "enableTestCommands=1"]
        if self.replica_set:
            options += ["--replSet", self.replica_set, "--oplogSize", "64"]
            # how long a secondary waits for a source that is frozen, beyond half an election's time
            options += ["--setParameter", "oplogNetworkTimeoutBufferSeconds=1"]
        log = (self.folder / "mongod.log").open("ab")
        with log:
            self.process = subprocess.Popen([self.binary, *options], stdout=log, stderr=subprocess.STDOUT)

    def command(self, *command: Any) -> dict[str, Any]:
        """Run a command of the admin database on this very node."""
        url = f"mongodb://{self.address}/?directConnection=true&serverSelectionTimeoutMS=1000"
        with MongoClient[dict[str, Any]](url, socketTimeoutMS=10_000) as client:
            return client.admin.command(*command)

    def up(self) -> bool:
        assert self.process.poll() is None, f"mongod ended: {(self.folder / 'mongod.log').read_text()[-2000:]}"
        return bool(self.command("ping"))

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@dataclass
class ReplicaSet:
    """Three nodes with a short election. `heal` after each test that breaks something."""

    nodes: list[Node]

    @classmethod
    def start(cls, binary: str, folder: Path) -> ReplicaSet:
        cluster = cls([Node(binary, folder / str(port), port, SET) for port in free_ports(3)])
        for node in cluster.nodes:
            node.start()
        wait_for(lambda: all(node.up() for node in cluster.nodes))
        members = [{"_id": place, "host": node.address} for place, node in enumerate(cluster.nodes)]
        settings = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500, "heartbeatTimeoutSecs": 2}
        cluster.nodes[0].command("replSetInitiate", {"_id": SET, "members": members, "settings": settings})
        wait_for(cluster.primary)
        return cluster

    @property
    def url(self) -> str:
        return f"mongodb://{','.join(node.address for node in self.nodes)}/?replicaSet={SET}"

    def primary(self) -> Node | None:
        """The node that is primary and may write."""
        alive = [node for node in self.nodes if node.process.poll() is None]
        return next((node for node in alive if node.command("hello").get("isWritablePrimary")), None)

    def step_down(self) -> None:
        try:
            wait_for(self.primary).command({"replSetStepDown": 5, "secondaryCatchUpPeriodSecs": 2})
        except OperationFailure as error:
            raise AssertionError(f"the primary would not step down: {error}") from None

    def heal(self) -> None:
        """Every node runs, one is primary and the others follow it."""
        for node in self.nodes:
            if node.process.poll() is None:
                node.signal(signal.SIGCONT)
            else:
                node.start()
        wait_for(lambda: all(node.up() for node in self.nodes))
        wait_for(lambda: self._states() == {1: 1, 2: 2})

    def _states(self) -> dict[int, int]:
        states = [member["state"] for member in wait_for(self.primary).command("replSetGetStatus")["members"]]
        return {state: states.count(state) for state in set(states)}

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()


def from_environment() -> str:
    return os.environ.get("MONGODB_URI", "")
