# SPDX-License-Identifier: Apache-2.0
"""A Debian machine of its own for a test: built once by debootstrap in $SLIPWAY_MACHINE, started by
qemu under KVM. What is written to its system is forgotten when it ends. Its second disk is served
by machinedisk.py, which loses what was not flushed when the power fails. Skips aloud.
"""
import ctypes
import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from kubelab import bail, skip

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'),
                     'slipway-machine')
PACKAGES = '''
    systemd systemd-sysv libpam-systemd dbus dbus-user-session udev kmod procps polkitd sudo
    openssh-server openssh-client nfs-kernel-server nfs-common rpcbind python3 iproute2 rsync
    libncursesw6 libcurl4 libsodium23 liblmdb0 libjansson4 libyaml-0-2 libarchive13 libssl3
    libasan8 libubsan1 linux-image-amd64 xfsprogs btrfs-progs e2fsprogs'''
NETWORK = '[Match]\nName=eth0\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n'
PREPARE = r'''
set -e
for user in ana ben; do useradd -m -s /bin/bash "$user"; done
for home in /root /home/ana /home/ben; do
	install -d -m 700 "$home/.ssh"
	cp /key.pub "$home/.ssh/authorized_keys"
	chown -R --reference="$home" "$home/.ssh"
done
rm /key.pub
echo machine >/etc/hostname
printf '127.0.0.1 localhost machine\n' >/etc/hosts
printf '/dev/vda / ext4 noatime 0 1\n' >/etc/fstab
systemctl -q enable systemd-networkd ssh
systemctl -q mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer \
	dpkg-db-backup.timer systemd-networkd-wait-online.service man-db.timer
systemctl -q disable nfs-server rpcbind.socket rpcbind.service 2>/dev/null || true
printf '%s\n' virtio_pci virtio_blk virtio_net ext4 >>/etc/initramfs-tools/modules
sed -i 's/^MODULES=.*/MODULES=list/' /etc/initramfs-tools/initramfs.conf
rm -f /usr/share/initramfs-tools/hooks/btrfs
update-initramfs -u
rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/*
'''


def must(*words, **more):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors='replace', check=False, **more)
    if done.returncode != 0:
        bail(f'{words[0]} failed', done.stdout)
    return done.stdout


def wanted():
    """Skips unless this test is asked for and can be had."""
    if not os.environ.get('SLIPWAY_REAL'):
        skip('a machine of its own takes long: packaging/test --real')
    if os.geteuid() != 0:
        skip('debootstrap wants root')
    for name in ('qemu-system-x86_64', 'qemu-img', 'debootstrap', 'mke2fs', 'ssh', 'ssh-keygen',
                 'chroot', 'tar'):
        if not shutil.which(name):
            skip(f'no {name}')


def build(path):
    """The system of the machine: disk, kernel, initrd and the key that it lets in."""
    began, work = time.monotonic(), f'{path}.new'
    root = f'{work}/root'
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    must('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', f'{work}/key')
    log = must('debootstrap', '--variant=minbase', f'--include={",".join(PACKAGES.split())}',
               'bookworm', root, os.environ.get('SLIPWAY_MIRROR', 'http://deb.debian.org/debian'))
    with open(f'{root}/etc/systemd/network/eth0.network', 'w', encoding='ascii') as f:
        f.write(NETWORK)
    shutil.copy(f'{work}/key.pub', f'{root}/key.pub')
    must('chroot', root, 'bash', '-c', PREPARE)
    for name in ('vmlinuz', 'initrd.img'):
        found = glob.glob(f'{root}/boot/{name}-*')
        if not found:
            bail(f'the machine has no {name}', log)
        shutil.copy(found[0], f'{work}/{name}')
    must('mke2fs', '-q', '-t', 'ext4', '-d', root, f'{work}/root.ext4', '3G')
    shutil.rmtree(root)
    shutil.rmtree(path, ignore_errors=True)
    os.rename(work, path)
    print(f'# machine built in {time.monotonic() - began:.0f} s')


def system():
    path = os.environ.get('SLIPWAY_MACHINE', CACHE)
    if not os.path.isfile(f'{path}/root.ext4'):
        build(path)
    return path


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def accelerator():
    """Where KVM is not the processor's own, a plain kernel may not run under it: slow, but true."""
    own = any(os.path.isdir(f'/sys/module/kvm_{name}') for name in ('intel', 'amd'))
    if own and os.access('/dev/kvm', os.R_OK | os.W_OK):
        return ['-accel', 'kvm', '-cpu', 'host']
    return ['-accel', 'tcg,thread=multi', '-cpu', 'Nehalem']


class Machine:
    """with Machine() as m: m.start(); m.run('root', 'COMMAND'); m.cut(); m.start()... Boots once:
    each start goes on from the moment after that, with its memory, and with the second disk as it
    is. That must not be mounted at that moment."""

    def __init__(self, programs=(), disk_mib=1024, work=None):
        """programs: files that it has in /opt/slipway."""
        wanted()
        self.system = system()
        self.work = work or tempfile.mkdtemp(prefix='slipway-machine-')
        self.is_mine = not work
        self.port, self.qemu, self.disk = free_port(), None, None
        self.image = f'{self.work}/data.img'
        with open(self.image, 'wb') as f:
            f.truncate(disk_mib << 20)
        began = time.monotonic()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            self.boot(programs)
        except BaseException:
            self.__exit__()
            raise
        self.boot_seconds = time.monotonic() - began

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()
        if self.is_mine:
            shutil.rmtree(self.work, ignore_errors=True)

    # --- power ---

    def boot(self, programs):
        must('qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b',
             os.path.abspath(f'{self.system}/root.ext4'), f'{self.work}/booted.qcow2')
        self.power(f'{self.work}/booted.qcow2')
        self.wait_for_login(600)
        if programs:
            self.bring(programs, '/opt/slipway')
        # the service manager of root is a part of what is kept, so that a login finds it
        self.must('root', 'loginctl enable-linger; ln -s /opt/slipway/slipway /usr/local/bin/; '
                  'systemctl is-system-running --wait >/dev/null; sync')
        self.save()

    def power(self, root, *more):
        nbd = f'{self.work}/nbd'
        for path in (nbd, f'{self.work}/monitor'):
            if os.path.exists(path):
                os.unlink(path)
        self.disk = subprocess.Popen([sys.executable, '-B', f'{HERE}/machinedisk.py', self.image,
                                      nbd], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     text=True)
        self.disk.stdout.readline()
        with open(f'{self.work}/console', 'ab') as console:
            self.qemu = subprocess.Popen(
                ['qemu-system-x86_64', *accelerator(), '-m', '768', '-smp', '2', '-nodefaults',
                 '-display', 'none', '-serial', 'stdio', '-no-reboot',
                 '-monitor', f'unix:{self.work}/monitor,server=on,wait=off',
                 '-kernel', f'{self.system}/vmlinuz', '-initrd', f'{self.system}/initrd.img',
                 '-append', 'root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off quiet',
                 '-drive', f'file={root},format=qcow2,if=virtio,cache=unsafe',
                 '-drive', f'file=nbd:unix:{nbd},format=raw,if=virtio,cache=writeback',
                 '-nic', 'user,model=virtio-net-pci,restrict=on,hostfwd=tcp:127.0.0.1:'
                 f'{self.port}-:22', '-device', 'virtio-rng-pci', *more],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL))  # with us

    def wait_for_login(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.qemu.poll() is None:
            if self.run('root', f'date -s @{time.time():.0f}', timeout=60).returncode == 0:
                return
            time.sleep(0.2)
        with open(f'{self.work}/console', errors='replace', encoding='utf-8') as f:
            bail('the machine does not start', f.read())

    def save(self):
        """Its memory into a file; then it is off."""
        self.forget_login()
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(f'{self.work}/monitor')
            s.sendall(f'migrate "exec:cat >{self.work}/booted.memory"\nquit\n'.encode())
            s.settimeout(120)
            try:
                while s.recv(4096):
                    pass
            except OSError:
                pass
        if self.qemu.wait(timeout=120) != 0 or not os.path.getsize(f'{self.work}/booted.memory'):
            bail('the memory of the machine cannot be kept')
        self.qemu = None
        self.cut()

    def start(self):
        """Until a login works."""
        self.forget_login()
        shutil.copy(f'{self.work}/booted.qcow2', f'{self.work}/root.qcow2')
        self.power(f'{self.work}/root.qcow2', '-incoming', f'exec:cat {self.work}/booted.memory')
        self.wait_for_login(120)

    def cut(self, how='all'):
        """The power fails. Of what was not flushed the disk keeps "all", "none" or "some"."""
        said = ''
        if self.disk:  # first, so that it fails while it is written
            said = self.disk.communicate(f'{how}\n', timeout=120)[0].strip()
            self.disk = None
        if self.qemu:
            self.qemu.send_signal(signal.SIGKILL)
            self.qemu.wait()
            self.qemu = None
        return said

    # --- logins ---

    def forget_login(self):
        if os.path.exists(f'{self.work}/login'):
            subprocess.run([*self.ssh('root'), '-O', 'exit'], check=False,
                           stderr=subprocess.DEVNULL, timeout=30)
            if os.path.exists(f'{self.work}/login'):
                os.unlink(f'{self.work}/login')

    def ssh(self, user, *options):
        """Those of root share one login."""
        if user == 'root':
            options += ('-o', 'ControlMaster=auto', '-o', f'ControlPath={self.work}/login',
                        '-o', 'ControlPersist=yes')
        return ['ssh', '-q', '-i', f'{self.system}/key', '-p', str(self.port),
                '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null',
                '-o', 'IdentitiesOnly=yes', '-o', 'ConnectTimeout=10', '-o', 'BatchMode=yes',
                *options, f'{user}@127.0.0.1']

    def popen(self, user, command, *options, **more):
        return subprocess.Popen([*self.ssh(user, *options), command],
                                stderr=subprocess.DEVNULL, **more)

    def run(self, user, command, timeout=120, data=None):
        """stdout and stderr in one; 255 or 124: no login, no end."""
        try:
            return subprocess.run([*self.ssh(user), command], input=data, text=True,
                                  errors='replace', timeout=timeout, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False,
                                  **({} if data is not None else {'stdin': subprocess.DEVNULL}))
        except subprocess.TimeoutExpired as e:
            said = e.stdout or b''
            return subprocess.CompletedProcess(command, 124, said.decode(
                errors='replace') + '\n(it never ended)')

    def must(self, user, command, **more):
        done = self.run(user, command, **more)
        if done.returncode != 0:
            raise RuntimeError(f'{user}: {command}: exit {done.returncode}\n{done.stdout}')
        return done.stdout

    def bring(self, paths, to):
        """Files into a folder there, readable by all."""
        tar = subprocess.Popen(['tar', 'c', '--mode=a+rX', '--owner=0', '--group=0',
                                *(word for p in paths for word in ('-C', os.path.dirname(p),
                                                                   os.path.basename(p)))],
                               stdout=subprocess.PIPE)
        with self.popen('root', f'mkdir -p {to} && tar x -C {to}', stdin=tar.stdout) as child:
            tar.stdout.close()
            if child.wait() != 0 or tar.wait() != 0:
                raise RuntimeError(f'cannot bring {paths}')
