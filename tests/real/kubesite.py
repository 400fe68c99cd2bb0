# SPDX-License-Identifier: Apache-2.0
"""A person with a registry whose stage "staging" is on a lab's API server: commands, what stands in
the cluster, and our writes by the API server's own audit log.
"""
import base64
import json
import os
import re
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import kubelab

MODEL = 'risk/fraud'
IMAGE = 'reg.site/server@sha256:' + '1' * 64
SMOKE = {'apiVersion': 'slipway/v1', 'kind': 'Smoke', 'protocol': 'v2',
         'request': {'inputs': [{'name': 'x', 'shape': [1, 3], 'datatype': 'FP32',
                                 'data': [1, 2, 3]}]},
         'expect': {'outputs': [{'name': 'sum', 'data': [6]}]}}
FINAL = ('succeeded', 'aborted', 'failed', 'rolled-back', 'rollback-failed', 'superseded')
CRDS = os.path.join(os.environ.get('SLIPWAY_SHARED', ''), 'upstream/kserve')
KSERVE = ('--crds', CRDS + '/crd', '--crds', CRDS + '/runtimes', '--kserve', 'simulated',
          '--knative', '--gateway-api')
DEPLOYMENTS = '/apis/apps/v1/namespaces/lab/deployments'
SERVICES = '/api/v1/namespaces/lab/services'
ISVCS = '/apis/serving.kserve.io/v1beta1/namespaces/lab/inferenceservices'


def data(text, key):
    return base64.b64decode(re.search(rf'{key}["\']?:\s*["\']?([A-Za-z0-9+/=]+)', text)[1])


class Admin:
    """Requests as the lab's administrator: (code, answer)."""

    def __init__(self, lab):
        with open(lab.file('kubeconfig'), encoding='utf-8') as f:
            text = f.read()
        self.server = lab.server
        self.tls = ssl.create_default_context(
            cadata=data(text, 'certificate-authority-data').decode())
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(data(text, 'client-certificate-data') + data(text, 'client-key-data'))
            pair.flush()
            self.tls.load_cert_chain(pair.name)

    def __call__(self, method, path, body=None):
        kind = 'merge-patch+json' if method == 'PATCH' else 'json'
        ask = urllib.request.Request(self.server + path, method=method,
                                     data=json.dumps(body).encode() if body else None,
                                     headers={'Content-Type': 'application/' + kind})
        try:
            with urllib.request.urlopen(ask, context=self.tls, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as e:
            return e.code, json.load(e)


class Said:
    """A command that has ended."""

    def __init__(self, argv, status, text):
        self.argv, self.status, self.text = argv, status, text

    def __str__(self):
        return f'$ slipway {" ".join(self.argv)}\n{self.text}exit {self.status}'


class Site:
    """Versions v1 to v4 of MODEL; __call__ runs a command of the person."""

    def __init__(self, lab, slipway, name='site'):
        self.lab, self.slipway, self.admin = lab, os.path.abspath(slipway), Admin(lab)
        self.home = os.path.join(lab.work, name)
        self.volume = os.path.join(self.home, 'volume')
        os.makedirs(self.volume)
        self.registry = os.path.join(self.home, 'registry')
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(('XDG_', 'KUBECONFIG'))}
        # what a sanitizer says would be lost with the agent that ends
        self.env.update(HOME=self.home, SLIPWAY_UNPACED='1', SLIPWAY_REGISTRY=self.registry,
                        ASAN_OPTIONS=f'log_path={lab.work}/asan',
                        UBSAN_OPTIONS=f'log_path={lab.work}/ubsan')
        self.claim()
        self.must('init', '--name', 'ana', '--no-passphrase', '-q')
        smoke = os.path.join(self.home, 'smoke.json')
        with open(smoke, 'w', encoding='utf-8') as f:
            json.dump(SMOKE, f)
        for v in range(1, 5):
            folder = os.path.join(self.home, f'v{v}')
            os.mkdir(folder)
            with open(os.path.join(folder, 'model.onnx'), 'w', encoding='utf-8') as f:
                f.write(f'model {v}\n')
            self.must('import', folder, '--as', MODEL, '--smoke', smoke, '-q')
            self.must('label', f'{MODEL}@v{v}', 'format=onnx:1')

    def claim(self):
        """A volume that servers read; its folder here is self.volume."""
        common = {'accessModes': ['ReadWriteMany'], 'storageClassName': 'none'}
        for path, o in (
                ('/api/v1/persistentvolumes', {
                    'apiVersion': 'v1', 'kind': 'PersistentVolume',
                    'metadata': {'name': 'models'},
                    'spec': {**common, 'capacity': {'storage': '1Gi'},
                             'hostPath': {'path': '/srv'},
                             'claimRef': {'namespace': 'lab', 'name': 'models'}}}),
                ('/api/v1/namespaces/lab/persistentvolumeclaims', {
                    'apiVersion': 'v1', 'kind': 'PersistentVolumeClaim',
                    'metadata': {'name': 'models'},
                    'spec': {**common, 'volumeName': 'models',
                             'resources': {'requests': {'storage': '1Gi'}}}})):
            code, answer = self.admin('POST', path, o)
            if code >= 300 and code != 409:
                kubelab.bail('no claim in the lab', json.dumps(answer))

    def __call__(self, *argv, **more):
        done = subprocess.run([self.slipway, *argv, '--no-input'], env={**self.env, **more},
                              text=True, errors='replace', stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)
        return Said(argv, done.returncode, done.stdout)

    def start(self, *argv, **more):
        return subprocess.Popen([self.slipway, *argv, '--no-input'], env={**self.env, **more},
                                text=True, errors='replace', stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def must(self, *argv):
        said = self(*argv)
        if said.status != 0:
            kubelab.bail('a command that must work does not', str(said))
        return said.text

    def json(self, *argv):
        return json.loads(self.must(*argv, '-o', 'json'))

    def target(self, driver, *settings, object_name=None):
        """The target anew."""
        self('target', 'remove', 'prod', '--yes', '-q')
        words = ['target', 'add', 'prod', '--driver', driver, '--kubeconfig',
                 self.lab.file('kubeconfig'), '--namespace', 'lab', '--stage', 'staging']
        if object_name:
            words += ['--object', object_name]
        if driver == 'kubernetes':
            settings = ('image=' + IMAGE, *settings)
        for s in ('store=pvc://models/slipway', 'store-path=' + self.volume, 'replicas=2',
                  *settings):
            words += ['--set', s]
        return self.must(*words, '--yes')

    # --- jobs ---

    def jobs(self):
        return sorted(os.listdir(os.path.join(self.registry, 'jobs')))

    def journal(self, job):
        path = os.path.join(self.registry, 'jobs', job, 'journal')
        with open(path, encoding='utf-8', errors='replace') as f:
            return [json.loads(line) for line in f if line.endswith('\n')]

    def open_jobs(self):
        return [j['id'] for j in self.json('job', 'list')['items'] if j['state'] not in FINAL]

    def holds(self):
        """The version that the stage says, by number; None: none."""
        for s in self.json('status', MODEL)['items']:
            if s['stage'] == 'staging':
                return s.get('version')
        return None

    def agents(self):
        """Our living agents."""
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/environ', 'rb') as f:
                    ours = f'SLIPWAY_REGISTRY={self.registry}'.encode() in f.read().split(b'\0')
                name = os.path.basename(os.readlink(f'/proc/{pid}/exe'))
            except OSError:
                continue
            if ours and name.startswith('slipway-agent'):
                found.append(int(pid))
        return found

    def settle(self, seconds=60):
        end = time.monotonic() + seconds
        while self.agents() and time.monotonic() < end:
            time.sleep(0.02)
        return not self.agents()

    def kill_agents(self):
        for pid in self.agents():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.settle()

    def sanitizers(self):
        text = ''
        for name in sorted(os.listdir(self.lab.work)):
            if name.startswith(('asan.', 'ubsan.')):
                with open(os.path.join(self.lab.work, name), encoding='utf-8',
                          errors='replace') as f:
                    text += f.read()
        return text
