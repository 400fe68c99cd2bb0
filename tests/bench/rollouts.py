# SPDX-License-Identifier: Apache-2.0
"""The console beside three rollouts of a scripted cluster that are held at a step and looked at by
their agents each second, and an instance that prints: what each screen sends, and how fast it
answers a key."""
import json
import os
import subprocess
import threading
import time
import urllib.request

import consoles
import fleet
import screen

COUNT = 3
PRINTED = 20  # lines a second of each instance
SCREENS = (('models', b''), ('board', b'b'), ('targets', b'T'), ('jobs', b'J'),
           ('job', b'J\r'))


def control(cluster, **what):
    request = urllib.request.Request(cluster.address('/control'), json.dumps(what).encode(),
                                     method='PUT')
    urllib.request.urlopen(request).close()


def begin(b, name, cluster):
    """Three services with v1, each on its way to v2."""
    b.init(name)
    os.mkdir(cluster.at('volume'))
    cluster.claim('n')
    b.quietly(name, 'target', 'add', 'cluster', '--stage', 'staging', '--yes',
              *cluster.settings('n'), '--set', 'replicas=2', '--set', 'canary=replicas',
              '--set', 'metrics-port=8002')
    control(cluster, rate=50)
    for i in range(COUNT):
        for version in range(2):
            with open(b.at('w'), 'w', encoding='ascii') as f:
                f.write(f'{i} {version}')
            b.quietly(name, 'import', b.at('w'), '--as', f'm{i}')
        b.quietly(name, 'promote', f'm{i}@v1', '--to', 'staging', '--yes')
    for i in range(COUNT):
        b.quietly(name, 'promote', f'm{i}@v2', '--to', 'staging', '--yes', '--detach',
                  '--steps', '33%:900s')


def opened(b, name, keys, **how):
    t = screen.Terminal(b.ours(name, 'console'), **how)
    t.read()
    for key in keys:
        t.key(bytes([key]))
    return t


def prints(cluster, ends):
    lines = 2
    while not ends.wait(1 / PRINTED):
        lines += 1
        control(cluster, lines=lines)


def bytes_a_second(b, name, row, seconds):
    for what, keys in SCREENS:
        t = opened(b, name, keys)
        t.idle(4)  # its watch has begun
        row(f'three rollouts live, {what}: bytes a second', t.idle(seconds) / seconds, 150,
            '{:.0f}')
        t.close()


def keys_beside_a_log(b, name, cluster, row, count):
    ends = threading.Event()
    printer = threading.Thread(target=prints, args=(cluster, ends))
    t = opened(b, name, b'TL')
    t.read(quiet=0.5, first=5)
    printer.start()
    streamed = t.idle(2) / 2
    found = consoles.latencies(t, (b'k', b'j'), count)
    ends.set()
    printer.join()
    t.close()
    assert streamed > 100, 'no log streams'
    row('a log streams: bytes a second', streamed, None, '{:.0f}')
    row('key to first byte while it does, p99', consoles.p99(found), 5, '{:.2f} ms')


def measure(b, row):
    cluster = fleet.Cluster(b.at('cluster'))
    try:
        begin(b, 'rollouts', cluster)
        bytes_a_second(b, 'rollouts', row, 5 if b.quick else 20)
        keys_beside_a_log(b, 'rollouts', cluster, row, 60 if b.quick else 300)
    finally:
        for job in subprocess.run(b.ours('rollouts', 'job', 'list', '-o', 'name'), text=True,
                                  capture_output=True, check=True).stdout.split():
            subprocess.run(b.ours('rollouts', 'job', 'abort', job, '--yes', '-q'), check=False,
                           capture_output=True, timeout=60)
        cluster.stop()
