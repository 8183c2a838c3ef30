#!/usr/bin/env python3
"""Intake over HTTP beside PostgreSQL: durable events a second, latency of the acknowledgement, memory.

What runs: `clew serve` with one tracking source; validation, subjects, the exact check for duplicates and sealing are on, the sender is
crates/clew/examples/load.rs on the same machine, batches of 100 events of about 600 bytes, fsync before the answer. Then half of the
load reached, by the clock, for latency; then `clew audit`. PostgreSQL does the durable, deduplicated part alone: multi-row INSERT … ON CONFLICT DO
NOTHING of the same batches over 1, 2 and 4 connections by local socket, synchronous_commit on, no HTTP, no validation, no mapping. Redis Streams
likewise where it is installed: XADD, appendonly with appendfsync always, no deduplication.

  CLEW=target/release/clew LOAD=target/release/examples/load benches/intake.py [--seconds 300] [--connections 32] [--folder DIR]

The last line is: intake: N events/s, PostgreSQL: M events/s, ratio R, p99 T ms at half load, RSS S MB
"""

import argparse
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import tempfile
import threading
import time

POSTGRES = pathlib.Path("/usr/lib/postgresql/15/bin")
# As on any server that means it; the rest is PostgreSQL's own default, but for memory that a benchmark should not lack.
SETTINGS = {"synchronous_commit": "on", "fsync": "on", "shared_buffers": "512MB", "max_wal_size": "8GB", "listen_addresses": "''"}


def run(command, **options):
    """What a command prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


class Memory(threading.Thread):
    """The most memory that a process has resident, looked at twice a second, and what it has at last."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.most, self.samples, self.ended = pid, 0, [], False

    def run(self):
        while not self.ended:
            try:
                lines = pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines()
            except FileNotFoundError:
                return
            now = next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))
            self.samples.append(now)
            self.most = max(self.most, now)
            time.sleep(0.5)


def metrics(address, store):
    """The server's own numbers."""
    token = (store / "token").read_text().strip()
    text = run(["curl", "-sf", "-H", f"Authorization: Bearer {token}", f"http://{address}/metrics"])
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def cpu_seconds(pid):
    """User and system time of a process so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def intake(options, folder):
    """Full load, half load, audit."""
    project = folder / "project"
    (project / "sources").mkdir(parents=True)
    (project / "clew.yaml").write_text("company: Larkmoor\nschedule: never\n")
    (project / "sources/website.yaml").write_text("api: tracking\n")
    clew = lambda *arguments: run([options.clew, *arguments], cwd=project)
    key = json.loads(clew("keys", "create", "website", "--json"))["write_key"]
    server = subprocess.Popen([options.clew, "serve", "--listen", "127.0.0.1:0"], cwd=project, stdout=subprocess.PIPE, text=True)
    address = server.stdout.readline().split("http://")[1].split("/")[0]
    load = lambda *arguments: json.loads(run([options.load, "http", address, key, *map(str, arguments)]))
    try:
        load(5, options.connections)
        memory = Memory(server.pid)
        memory.start()
        before = cpu_seconds(server.pid)
        full = load(options.seconds, options.connections)
        share = (cpu_seconds(server.pid) - before) / full["seconds"]
        after = metrics(address, project / ".clew")
        lag = after["clew_seal_lag_seconds"]
        print(f"full load: {json.dumps(full)}; server {share:.2f} of {os.cpu_count()} cores, seal lag {lag:.1f} s, unsealed {after['clew_unsealed_rows']:.0f} rows", flush=True)
        half = load(max(20, options.seconds // 5), options.connections, full["events_per_second"] / 2)
        print(f"half load: {json.dumps(half)}", flush=True)
        memory.ended = True
        audit = json.loads(clew("audit", "--json"))
        source = audit["sources"][0]
        print(f"audit: {'everything adds up' if audit['holds'] else audit['breaks']}; {source['read']} messages read, {source['targets']}", flush=True)
    finally:
        server.terminate()
        server.wait()
    quarter = max(1, len(memory.samples) // 4)
    steady = [sum(part) / len(part) for part in (memory.samples[-2 * quarter : -quarter], memory.samples[-quarter:]) if part]
    print(f"memory: at most {memory.most:.0f} MB; mean of the last quarters {' and '.join(f'{mean:.0f}' for mean in steady)} MB", flush=True)
    return full, half, memory.most, audit["holds"]


def postgres(options, folder):
    """The best of 1, 2 and 4 connections."""
    data, user = folder / "postgres", "postgres"
    data.mkdir()
    root = os.getuid() == 0
    if root:
        account = pwd.getpwnam(user)
        os.chown(data, account.pw_uid, account.pw_gid)
        folder.chmod(0o755)
    as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if root else []
    run([*as_user, str(POSTGRES / "initdb"), "-D", str(data), "-A", "trust", "-U", user, "--locale=C", "-E", "UTF8"])
    settings = [argument for name, value in {**SETTINGS, "unix_socket_directories": f"'{data}'"}.items() for argument in ("-c", f"{name}={value.strip(chr(39))}")]
    server = subprocess.Popen([*as_user, str(POSTGRES / "postgres"), "-D", str(data), *settings], stderr=subprocess.DEVNULL)
    socket = data / ".s.PGSQL.5432"
    best = 0
    try:
        psql = [*as_user, str(POSTGRES / "psql"), "-h", str(data), "-U", user, "-qAt", "-c"]
        while subprocess.run([*psql, "SELECT 1"], capture_output=True).returncode:
            time.sleep(0.2)
        for connections in (1, 2, 4):
            run([*psql, "DROP TABLE IF EXISTS events; CREATE TABLE events (source text, event_id text, message text, PRIMARY KEY (source, event_id)); CHECKPOINT"])
            result = json.loads(run([options.load, "postgres", str(socket), str(options.postgres_seconds), str(connections)]))
            print(f"PostgreSQL, {connections} connections: {json.dumps(result)}", flush=True)
            best = max(best, result["events_per_second"])
    finally:
        server.terminate()
        server.wait()
    return best


def redis(options, folder):
    """The best of 1, 2 and 4 connections; nothing where there is no Redis."""
    if not shutil.which("redis-server"):
        print("Redis: not installed, not measured (apt-get install redis-server)", flush=True)
        return
    data = folder / "redis"
    data.mkdir()
    socket = data / "socket"
    settings = {"port": "0", "unixsocket": socket, "dir": data, "appendonly": "yes", "appendfsync": "always", "save": "", "maxmemory": "4gb"}
    server = subprocess.Popen(["redis-server", *[part for name, value in settings.items() for part in (f"--{name}", str(value))]], stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            time.sleep(0.1)
        for connections in (1, 2, 4):
            result = json.loads(run([options.load, "redis", str(socket), str(options.redis_seconds), str(connections)]))
            print(f"Redis Streams, {connections} connections: {json.dumps(result)}", flush=True)
            run(["redis-cli", "-s", str(socket), "DEL", "events"])
    finally:
        server.terminate()
        server.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--postgres-seconds", type=int, default=30)
    parser.add_argument("--redis-seconds", type=int, default=10)
    parser.add_argument("--folder", help="where stores lie during the run; the system's temporary folder when left out")
    options = parser.parse_args()
    options.clew, options.load = os.path.abspath(os.environ["CLEW"]), os.path.abspath(os.environ["LOAD"])
    if not (POSTGRES / "postgres").exists():
        sys.exit("bench-intake: needs PostgreSQL 15: apt-get install postgresql-15")
    folder = pathlib.Path(tempfile.mkdtemp(dir=options.folder))
    try:
        full, half, memory, holds = intake(options, folder)
        theirs = postgres(options, folder)
        redis(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    ours = full["events_per_second"]
    print(f"intake: {ours:.0f} events/s, PostgreSQL: {theirs:.0f} events/s, ratio {ours / theirs:.2f}, p99 {half['p99_ms']:.1f} ms at half load, RSS {memory:.0f} MB")
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
