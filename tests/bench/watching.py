# SPDX-License-Identifier: Apache-2.0
"""`status --watch` of many services of one namespace while one of them changes each second."""
import json
import os
import signal
import subprocess
import time
import urllib.request


def change(cluster, name, replicas):
    request = urllib.request.Request(
        cluster.address(f'/apis/apps/v1/namespaces/n/deployments/{name}?fieldManager=other'),
        json.dumps({'spec': {'replicas': replicas}}).encode(),
        {'Content-Type': 'application/merge-patch+json'}, method='PATCH')
    urllib.request.urlopen(request).close()


def agent_of(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as f:
        return int(f.read().split()[0])


def cpu_s(pid):
    with open(f'/proc/{pid}/stat', encoding='ascii') as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def peak_mib(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        return next(int(line.split()[1]) for line in f if line.startswith('VmHWM')) / 1024


def measure(argv, cluster, count, seconds):
    """cpu of the agent as a part of one core, its peak in MiB, and the latencies in s."""
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    latencies = []
    try:
        assert 'as recorded' in child.stdout.readline()
        time.sleep(3)  # each was looked at, and each stream is open
        agent = agent_of(child.pid)
        before, began = cpu_s(agent), time.monotonic()
        for i in range(seconds):
            time.sleep(max(0, began + i - time.monotonic()))
            sent = time.monotonic()
            change(cluster, f's{i // 2 * 7 % count}', 5 if i % 2 == 0 else 1)
            line = child.stdout.readline()
            latencies.append(time.monotonic() - sent)
            assert ('DRIFT' in line) == (i % 2 == 0), line
        used = cpu_s(agent) - before
        return used / (time.monotonic() - began), peak_mib(agent), latencies
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait()
