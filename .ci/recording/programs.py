"""Short programs, built and started: thread pools, caches, terminals."""
import shutil

from .base import AFTERWARDS, ENVIRONMENT, SOURCES, WORK, Skipped, need, need_file, run, shell, source


def python_pool(folder, fixed):
    need_file("/usr/lib/python3/dist-packages/keyutils")
    return ["/usr/bin/python3", source("pool.py", fixed, folder / "pool.py")]


def tokio_pool(folder, fixed):
    cargo = shutil.which("cargo")
    if not cargo:
        raise Skipped("cargo is not installed")
    source("tokio/main.rs", fixed, folder / "main.rs")
    for name in ["Cargo.toml", "Cargo.lock"]:
        shutil.copy(SOURCES / "tokio" / name, folder)
    target = WORK / "tokio-target"
    run(cargo, "build", "--quiet", "--locked", "--manifest-path", folder / "Cargo.toml", "--target-dir", target)
    return [shutil.copy(target / "debug/pool", folder / "pool")]


def go(folder, name, fixed):
    need("go")
    need_file("/usr/share/gocode/src/golang.org/x/sys/unix")
    environment = ENVIRONMENT | {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(WORK / "go-cache")}
    program = source(f"{name}.go", fixed, folder / f"{name}.go")
    run("go", "build", "-o", folder / name, program, env=environment)
    return [folder / name]


def go_in_session(folder, fixed):
    """Without a session that leads to @u."""
    AFTERWARDS.append(lambda: run("sh", "-c", "keyctl unlink $(keyctl search @u user db) @u"))
    return shell(go(folder, "link", fixed)[0])


def java_pool(folder, fixed):
    need("javac")
    need_file("/usr/share/java/jna.jar")
    run("javac", "-cp", "/usr/share/java/jna.jar", "-d", folder, source("Pool.java", fixed, folder / "Pool.java"))
    return ["java", "-cp", f"/usr/share/java/jna.jar:{folder}", "-Djava.io.tmpdir=/tmp", "Pool"]


def node_pool(folder, fixed):
    need("node")
    need_file(WORK / "npm/node_modules/koffi")
    return ["node", source("pool.js", fixed, WORK / "npm" / "pool.js")]


def tmux(folder, start):
    need("keyctl", "tmux")
    tmux = f"tmux -f /dev/null -S {folder}/socket"
    # `keyctl revoke @s` is what pam_keyinit(8) does at the end of a login session.
    inside = "keyctl add user token secret-token @s; keyctl show @s; tmux wait-for -S done"
    return shell(f"{start} {tmux} new-session -d; keyctl revoke @s; "
                 f"{tmux} new-window -d '{inside}'; {tmux} wait-for done; {tmux} kill-server")


def udiskie(folder):
    need_file("/usr/lib/python3/dist-packages/keyutils")
    need_file(WORK / "pip/udiskie")
    python = f"env PYTHONPATH={WORK}/pip /usr/bin/python3 {source('udiskie.py', False, folder / 'cache.py')}"
    return ["sh", "-c", f"{python}; {python}"]
