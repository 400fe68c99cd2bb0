# SPDX-License-Identifier: Apache-2.0
"""Image registries of tools/peers for oci_push and oci_pull: starting them, a way to one that is
cut, credentials, and the program run with a home of its own."""
import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading

import kubelab

PEER = os.path.join(os.environ.get('SLIPWAY_SHARED', ''), 'tools/peers/oci-registry')
MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
SLIPWAY = ''  # whoever imports this says which
tap = kubelab.Tap()
folder = tempfile.mkdtemp(prefix='slipway-oci-')
started = []


def start(name, **env):
    """A registry; skips the whole test where it cannot be had."""
    if not os.path.isfile(PEER):
        kubelab.skip('no script that starts a registry below SLIPWAY_SHARED')
    if not os.environ.get('SLIPWAY_REAL'):
        kubelab.skip('it waits for connections that are cut: packaging/test --real')
    where = os.path.join(folder, name)
    done = subprocess.run([PEER, 'start', where], env={**os.environ, **env}, capture_output=True,
                          text=True, check=False)
    if done.returncode == 3:
        kubelab.skip(done.stderr.strip())
    if done.returncode != 0:
        kubelab.bail('the registry does not start', done.stderr)
    started.append(where)
    return json.loads(done.stdout.splitlines()[-1])


def run(*words, **more):
    env = {**os.environ, 'HOME': folder, 'SLIPWAY_REGISTRY': folder + '/r', **more}
    for name in ('XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'XDG_RUNTIME_DIR', 'DOCKER_CONFIG',
                 'REGISTRY_AUTH_FILE'):
        env.pop(name, None)
    return subprocess.run([SLIPWAY, *words], env=env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, timeout=400)


def case(name, done, status, *parts):
    text = done.stdout + done.stderr
    tap.case(done.returncode == status and all(p in text for p in parts), name,
             f'exit {done.returncode}, wanted {status}, {parts}', text)


def credentials(*pairs):
    auths = {host: {'auth': base64.b64encode(f'{user}:{word}'.encode()).decode()}
             for host, user, word in pairs}
    os.makedirs(folder + '/.docker', exist_ok=True)
    with open(folder + '/.docker/config.json', 'w', encoding='utf-8') as f:
        json.dump({'auths': auths}, f)


class Cut(threading.Thread):
    """A way to the registry that is cut after so many bytes from the client (back_after: from the
    registry), so many times. 0: never. most: bytes from the registry over all, after which the way
    is cut for good or, when it holds, nothing moves; then is_over is set."""

    def __init__(self, to, after, times=1000):
        super().__init__(daemon=True)
        self.to, self.after, self.times = to, after, times
        self.requests, self.cuts, self.back_after = 0, 0, 0
        self.most, self.came, self.holds = 0, 0, False
        self.is_over, self.let_go = threading.Event(), threading.Event()
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = '127.0.0.1:%d' % self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client):
        host, port = self.to.split(':')
        server = socket.create_connection((host, int(port)))
        back = threading.Thread(target=self.back, args=(server, client), daemon=True)
        back.start()
        seen = 0
        try:
            while data := client.recv(65536):
                self.requests += sum(data.count(m) for m in (b'HEAD /v2', b'POST /v2', b'PUT /v2',
                                                             b'GET /v2', b'PATCH /v2'))
                seen += len(data)
                if self.after and seen > self.after and self.cuts < self.times:
                    self.cuts += 1
                    break
                server.sendall(data)
        except OSError:
            pass
        for end in (client, server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        # the accept loop still holds it: half closed, a sender with a full window waits a minute
        back.join()
        client.close()
        server.close()

    def back(self, server, client):
        seen = 0
        try:
            while data := server.recv(65536):
                seen += len(data)
                if self.back_after and seen > self.back_after and self.cuts < self.times:
                    self.cuts += 1
                    break
                self.came += len(data)
                if self.most and self.came > self.most:
                    self.is_over.set()
                    if self.holds:
                        self.let_go.wait(60)
                    break
                client.sendall(data)
        except OSError:
            pass
        for end in (client, server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def end():
    for where in started:
        subprocess.run([PEER, 'stop', where], capture_output=True, check=False)
    shutil.rmtree(folder, ignore_errors=True)
