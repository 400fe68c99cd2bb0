# SPDX-License-Identifier: Apache-2.0
"""A stage of many targets, each a namespace of a scripted cluster, and its promotion's own requests
once more for another client to send: all bodies as they were, to a cluster in the same state."""
import json
import os
import subprocess
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
CLUSTER = os.path.join(os.path.dirname(HERE), 'deploy', 'cluster')
IMAGE = 's@sha256:' + '0' * 63 + '1'
CLAIM = {'apiVersion': 'v1', 'kind': 'PersistentVolumeClaim', 'metadata': {'name': 'models'},
         'spec': {'accessModes': ['ReadOnlyMany']}, 'status': {'phase': 'Bound'}}


class Cluster:
    """Its log grows by a line for each request."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder)
        self.log = self.at('log')
        self.child = subprocess.Popen([CLUSTER, self.log], stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True)
        self.port = int(self.child.stdout.readline())
        self.config = self.at('kubeconfig')
        with open(self.config, 'w', encoding='utf-8', opener=private) as f:
            json.dump({'current-context': 'c',
                       'contexts': [{'name': 'c', 'context': {'cluster': 'k', 'user': 'u'}}],
                       'clusters': [{'name': 'k', 'cluster': {'server': self.address('/')}}],
                       'users': [{'name': 'u', 'user': {'token': 't'}}]}, f)

    def at(self, name):
        return os.path.join(self.folder, name)

    def address(self, path):
        return f'http://127.0.0.1:{self.port}{path}'

    def claim(self, ns):
        request = urllib.request.Request(
            self.address(f'/api/v1/namespaces/{ns}/persistentvolumeclaims/models?fieldManager=x'),
            json.dumps(CLAIM).encode(), {'Content-Type': 'application/apply-patch+yaml'},
            method='PATCH')
        urllib.request.urlopen(request).close()

    def settings(self, ns):
        """Words of `target add` for a namespace."""
        return ['--driver', 'kubernetes', '--namespace', ns, '--kubeconfig', self.config,
                '--set', 'store=pvc://models', '--set', f'store-path={self.at("volume")}',
                '--set', f'image=127.0.0.1:{self.port}/{IMAGE}']

    def lines(self):
        with open(self.log, encoding='utf-8') as f:
            return [json.loads(line) for line in f]

    def state(self):
        with urllib.request.urlopen(self.address('/state')) as answer:
            return answer.read()

    def stop(self):
        self.child.kill()
        self.child.wait()


def private(path, flags):
    return os.open(path, flags, 0o600)


def replay(folder, requests, state, port):
    """Writes a configuration of curl that sends them to that port, and one that makes the cluster
    there hold the state first, as it would answer mostly 404 and conflicts; both paths."""
    os.makedirs(folder)
    path, first = os.path.join(folder, 'requests'), os.path.join(folder, 'first')
    with open(os.path.join(folder, 'state'), 'wb') as f:
        f.write(state)
    with open(first, 'w', encoding='utf-8') as f:
        f.write(f'url = "http://127.0.0.1:{port}/state"\nrequest = "PUT"\noutput = "/dev/null"\n'
                f'silent\ndata-binary = "@{folder}/state"\n')
    with open(path, 'w', encoding='utf-8') as f:
        for i, q in enumerate(requests):
            f.write('next\n' if i else '')
            f.write(f'url = "http://127.0.0.1:{port}{q["uri"]}"\nrequest = "{q["method"]}"\n'
                    'header = "Authorization: Bearer t"\noutput = "/dev/null"\nsilent\n')
            if q['body']:
                body = os.path.join(folder, str(i))
                with open(body, 'w', encoding='utf-8') as b:
                    b.write(q['body'])
                f.write(f'data-binary = "@{body}"\nheader = "Content-Type: {q["type"]}"\n')
    return first, path
