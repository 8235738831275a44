"""Cases that need a service, a file system or a kernel: Kerberos, fscrypt, cryptsetup."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from .base import AFTERWARDS, CALLS, ENVIRONMENT, SECRET, WORK, Skipped, need, need_file, run, shell, source


def krb5_threads(folder, fixed):
    need("cc")
    need_file("/usr/include/krb5.h")
    need_file("/usr/include/keyutils.h")
    program = source("krb5.c", fixed, folder / "krb5.c")
    run("cc", "-pthread", program, "-o", folder / "krb5", "-lkrb5", "-lkeyutils")
    return ["env", f"KRB5_CONFIG={realm(folder)}", folder / "krb5"]


def realm(folder):
    """The configuration of a Kerberos realm whose servers are on this machine."""
    config = folder / "krb5.conf"
    config.write_text(f"""[libdefaults]
    default_realm = EXAMPLE.ORG
    dns_lookup_kdc = false
    dns_lookup_realm = false
[realms]
    EXAMPLE.ORG = {{
        kdc = 127.0.0.1:18088
    }}
[kdcdefaults]
    kdc_listen = 127.0.0.1:18088
    kdc_tcp_listen = ""
[dbmodules]
    EXAMPLE.ORG = {{
        db_library = db2
        database_name = {folder}/principal
    }}
[logging]
    kdc = FILE:{folder}/kdc.log
""")
    (folder / "kdc.conf").write_text(f"[realms]\n    EXAMPLE.ORG = {{\n        key_stash_file = {folder}/stash\n    }}\n")
    return config


def kinit(folder, cache):
    """kinit and klist, with their own KDC."""
    need("kinit", "krb5kdc", "kdb5_util", "kadmin.local")
    environment = ENVIRONMENT | {"KRB5_CONFIG": str(realm(folder)), "KRB5_KDC_PROFILE": str(folder / "kdc.conf")}
    run("kdb5_util", "create", "-s", "-r", "EXAMPLE.ORG", "-P", SECRET, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    run("kadmin.local", "addprinc", "-pw", SECRET, "user", env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # It goes into the background when it is ready.
    run("krb5kdc", "-P", folder / "kdc.pid", env=environment)
    AFTERWARDS.append(lambda: os.kill(int((folder / "kdc.pid").read_text()), signal.SIGTERM))
    script = f'export KRB5CCNAME=KEYRING:{cache} KRB5_CONFIG={folder}/krb5.conf; echo "{SECRET}" | kinit user; klist'
    return shell(script)


def fscrypt(folder):
    """A directory that fscrypt encrypted with a policy of version 1, unlocked in a session without a link to @u."""
    need("fscrypt", "mkfs.ext4", "unshare", "keyctl")
    if os.geteuid() != 0:
        raise Skipped("it needs root, to mount a file system")
    config = Path("/etc/fscrypt.conf")
    if config.exists():
        raise Skipped(f"{config} exists, and would be replaced")
    config.write_text(json.dumps({
        "source": "raw_key", "hash_costs": {"time": "1", "memory": "8192", "parallelism": "1"},
        "options": {"padding": "32", "contents": "AES_256_XTS", "filenames": "AES_256_CTS", "policy_version": "1"},
        "use_fs_keyring_for_v1_policies": False, "allow_cross_user_metadata": False}))
    AFTERWARDS.append(config.unlink)
    (folder / "key").write_bytes(SECRET.ljust(32).encode()[:32])
    run("truncate", "-s", "32M", folder / "image")
    run("mkfs.ext4", "-q", "-O", "encrypt", folder / "image")
    disk = folder / "disk"
    disk.mkdir()
    run("mount", "-o", "loop", folder / "image", disk)
    AFTERWARDS.insert(0, lambda: run("umount", "-l", disk))
    private = disk / "private"
    private.mkdir()
    run("fscrypt", "setup", disk, "--quiet")
    run("fscrypt", "encrypt", private, "--source=raw_key", f"--key={folder}/key", "--name=demo", "--user=root", "--quiet")
    run("umount", disk)
    run("mount", "-o", "loop", folder / "image", disk)
    lock = ["fscrypt", "lock", private, "--user=root", "--quiet"]
    run(*lock)
    AFTERWARDS.insert(0, lambda: subprocess.run(lock))
    return shell(f"fscrypt unlock {private} --key={folder}/key --user=root --quiet; echo > {private}/file; keyctl show @s")


def cryptsetup(folder):
    """A LUKS volume, in a guest whose kernel has dm-crypt. The log comes through the guest's console."""
    need("qemu-system-x86_64", "cryptsetup", "strace", "busybox", "cpio", "apt-get")
    depends = run("apt-cache", "depends", "linux-image-cloud-amd64", stdout=subprocess.PIPE, text=True).stdout
    package = re.search(r"Depends: (linux-image-\S+)", depends)
    if not package:
        raise Skipped("apt-get knows no package linux-image-cloud-amd64")
    if not list(WORK.glob("linux-image-*.deb")):
        run("apt-get", "download", package[1], cwd=WORK, stdout=subprocess.DEVNULL)
    kernel, root = folder / "kernel", folder / "root"
    run("dpkg-deb", "-x", next(WORK.glob("linux-image-*.deb")), kernel)
    for name in ["bin", "sbin", "proc", "sys", "dev", "tmp", "run"]:
        (root / name).mkdir(parents=True)
    (root / "sbin/modprobe").symlink_to("/bin/busybox")
    for program in ["busybox", "cryptsetup", "strace"]:
        path = shutil.which(program, path=ENVIRONMENT["PATH"])
        shutil.copy(path, root / "bin")
        libraries = subprocess.run(["ldd", path], stdout=subprocess.PIPE, text=True).stdout
        for library in re.findall(r"/\S+", libraries):
            (root / library[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, root / library[1:])
    modules = next((kernel / "lib/modules").iterdir())
    for part in ["drivers/md", "drivers/block", "crypto", "lib"]:
        shutil.copytree(modules / "kernel" / part, root / "lib/modules" / modules.name / "kernel" / part)
    run("busybox", "depmod", "-b", root, modules.name)
    init = root / "init"
    init.write_text(f"""#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp; mount -t tmpfs run /run
for module in loop dm-crypt xts ecb algif_skcipher algif_hash; do modprobe $module; done
truncate -s 20M /tmp/luks; printf '{SECRET}' > /tmp/password
cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /tmp/luks /tmp/password
strace -f -o /tmp/log -s 4096 --seccomp-bpf -e status='!detached' -e trace={CALLS.replace(",%creds", "")},ioctl -- sh -c '
    cryptsetup open --key-file /tmp/password /tmp/luks volume
    cryptsetup luksSuspend volume
    cryptsetup luksResume --key-file /tmp/password volume'
echo BEGIN; cat /tmp/log; echo END
poweroff -f
""")
    init.chmod(0o755)
    with open(folder / "initrd", "wb") as initrd:
        names = subprocess.run(["find", "."], cwd=root, stdout=subprocess.PIPE, check=True).stdout
        run("cpio", "-o", "-H", "newc", "--quiet", cwd=root, input=names, stdout=initrd)
    guest = run("qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "512", "-nic", "none", "-nographic", "-no-reboot", "-initrd", folder / "initrd",
                "-kernel", next((kernel / "boot").glob("vmlinuz-*")), "-append", "console=ttyS0 quiet panic=-1", stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, timeout=300).stdout.decode(errors="replace").replace("\r\n", "\n")
    log = re.search(r"^BEGIN\n(.*)^END$", guest, re.M | re.S)
    if not log:
        sys.exit(f"the guest of cryptsetup wrote no log:\n{guest}")
    (folder / "raw").write_text(log[1])
    (folder / "release").write_text(modules.name)
