"""Hosts as they are, on a real sshd: each works, or the error says what it is and what to do about it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
import pytest
from servers.ports import closed_port
from servers.sshd import SSHD

from cosmos_workflow.errors import CosmosError, HostError, HostKeyError, HostUnreachable
from cosmos_workflow.runs.places import host_steps
from cosmos_workflow.runs.places.parcel import Parcel
from cosmos_workflow.ssh import Host, HostProgram, Pins, SSHManager, send_blobs

TRIES = 5
pytestmark = [pytest.mark.host, pytest.mark.timeout(180)]

ENDED = "before our command"
READ = 'echo "Accept the terms? [y/n]"; read answer\n'
FLOOD = "for n in $(seq 5000); do echo message of the day $n; echo warning $n >&2; done\n"
LOOKALIKE = (
    r"""printf '{"state": "done", "lacking": {}}\n\n{"file": "results", "offset": 0, "size": 9}\n\0\377'""" + "\n"
)
ONLY = "IdentitiesOnly yes\n"
KEY = "IdentityFile {folder}/user_key\n" + ONLY
KNOWN = "UserKnownHostsFile {folder}/known_hosts\n"


@dataclass(frozen=True)
class Odd:
    """A host, and what becomes of it: `error` and words of it, or it works.

    The account has a login `shell` and `files` in its home; `server` are lines of sshd_config for it, `client` lines
    of ssh_config. `agent` is the number of keys that an agent holds beside those named in `held`.
    """

    name: str
    words: str = ""
    error: type[CosmosError] | None = None
    shell: str = "/bin/bash"
    files: dict[str, str] = field(default_factory=dict)
    server: str = ""
    client: str = KEY
    python: str = "python3"
    ssh: str = "there"
    agent: int | None = None
    held: tuple[str, ...] = ()
    account: tuple[str, ...] = ()  # further words for useradd

    @property
    def own_account(self) -> bool:
        return bool(self.files or self.server or self.account) or self.shell != "/bin/bash"


def bashrc(name: str, text: str, words: str = "", *, home: str = ".bashrc", shell: str = "/bin/bash") -> Odd:
    return Odd(name, words, HostError if words else None, files={home: text}, shell=shell)


def net(name: str, words: str, client: str, error: type[CosmosError] = HostUnreachable) -> Odd:
    return Odd(name, words, error, client=client + KEY)


def jump(name: str, words: str, hop: str, error: type[CosmosError], server: str = "") -> Odd:
    """`hop` are lines for the jump host."""
    client = "ProxyJump bastion\n" + KEY + "Host bastion\n" + hop + KEY
    return Odd(name, words, error, client=client, server=server)


HERE = "HostName 127.0.0.1\nPort {port}\n"
HOSTS = [
    # Login shells.
    Odd("bash"),
    Odd("sh", shell="/bin/sh"),
    Odd("zsh", shell="/usr/bin/zsh"),
    Odd("tcsh", shell="/usr/bin/tcsh"),
    Odd("fish", shell="/usr/bin/fish"),
    Odd("ksh", shell="/usr/bin/ksh"),
    Odd("a restricted bash", shell="/bin/rbash"),
    # Noise around our own output.
    bashrc("a banner without an end of line", 'printf "Welcome to gpu-7"\n'),
    bashrc("colours and a cleared screen", r'printf "\033[2J\033[H\033[1;32mhello\033[0m\r\n"' + "\n"),
    bashrc("thousands of lines", FLOOD),
    bashrc("noise that looks like ours", LOOKALIKE),
    bashrc("stty without a terminal", "stty erase ^H\ntput cols\n"),
    bashrc("a shell that says goodbye", 'trap "echo logout; exit 3" EXIT\n'),
    bashrc("a slow profile", "sleep 1\n"),
    bashrc("options of the shell", "set -u\ncd /\nexport IFS=x LC_ALL=C\nalias python3=false\n"),
    bashrc("noise in zsh", "echo hi\nsetopt xtrace\n", home=".zshenv", shell="/usr/bin/zsh"),
    bashrc("noise in csh", "echo hi\nset prompt = '! %'\n", home=".cshrc", shell="/usr/bin/tcsh"),
    bashrc("noise in fish", "echo hi; set_color red\n", home=".config/fish/config.fish", shell="/usr/bin/fish"),
    Odd("a banner before the login", server="Banner {home}/banner\n", files={"banner": "Authorised use only\n"}),
    Odd("no home folder", account=("-d", "/nowhere/at/all")),
    # Shells that do not come to our command.
    bashrc("exit in .bashrc", "echo see you; exit 0\n", f"ended with exit code 0 {ENDED}, and prints: see you"),
    bashrc("a silent exit", "exit 4\n", f"ended with exit code 4 {ENDED}"),
    bashrc("a profile that fails", "set -e\n. /opt/gone/env.sh\n", f"{ENDED}, and prints: .*/opt/gone/env.sh"),
    bashrc("a profile that kills the shell", "echo no; kill -9 $$\n", f"killed by KILL {ENDED}, and prints: no"),
    bashrc("exec zsh", "exec zsh\n", "reads its input as commands"),
    bashrc("exec fish", "echo to fish; exec fish\n", "reads its input as commands.*prints: to fish"),
    bashrc("exec of what is not there", "exec /opt/zsh\n", f"{ENDED}, and prints: .*/opt/zsh"),
    bashrc("a profile that reads", READ, "waits for input before it runs our command, and prints: Accept the terms"),
    bashrc("a menu without end", "echo 1 train 2 quit; sleep 60\n", "did not run our command.*1 train 2 quit"),
    bashrc("no PATH", "export PATH=/nowhere\n", f"{ENDED}, and prints: .*sh.*not found"),
    Odd("nologin", "prints: This account is currently not available", HostError, shell="/usr/sbin/nologin"),
    Odd("false", f"ended with exit code 1 {ENDED}", HostError, shell="/bin/false"),
    Odd("a shell that there is not", "accepts none of the keys", HostError, shell="/bin/gone"),
    Odd("a command forced", f"{ENDED}, and prints: Pick a job", HostError, server="ForceCommand echo Pick a job\n"),
    Odd("sftp alone", "prints: This service allows sftp", HostError, server="ForceCommand internal-sftp\n"),
    Odd("a wrapper forced", server='ForceCommand echo audited; sh -c "$SSH_ORIGINAL_COMMAND"\n'),
    Odd("no such python", "found none .PATH is /usr", HostError, python="python9"),
    Odd("an old account", "accepts none of the keys", HostError, account=("-e", "1990-01-01")),
    # Sessions.
    Odd("one session at a time", server="MaxSessions 1\n"),
    Odd("no session", "opens no session", HostError, server="MaxSessions 0\n"),
    Odd("a terminal and a command asked for", client=KEY + "RequestTTY force\nRemoteCommand tmux\n"),
    # Keys.
    Odd("a missing key beside a good one", client="IdentityFile {folder}/gone\n" + KEY),
    Odd("a key that is a folder", client="IdentityFile {folder}\n" + KEY),
    Odd("a corrupt key beside a good one", client="IdentityFile {folder}/corrupt\n" + KEY),
    Odd("a locked key beside a good one", client="IdentityFile {folder}/locked\n" + KEY),
    Odd("a missing certificate", client=KEY + "CertificateFile {folder}/gone-cert.pub\n"),
    Odd("a locked key in the agent", client="IdentityFile {folder}/locked\n" + ONLY, agent=4, held=("locked_open",)),
    Odd("a public key, its private one in the agent", client="IdentityFile {folder}/user_key.pub\n" + ONLY, agent=9,
        held=("user_key",)),
    Odd("any key of the agent", client="", agent=1, held=("user_key",)),
    Odd("a locked key", "locked is protected by a passphrase.*ssh-add .*locked", HostError,
        client="IdentityFile {folder}/locked\n" + ONLY),
    Odd("a key that is missing", r"no key to offer.*not usable: .*gone: no such file", HostError,
        client="IdentityFile {folder}/gone\n" + ONLY),
    Odd("a corrupt key", r"no key to offer.*corrupt: cannot be read as a key", HostError,
        client="IdentityFile {folder}/corrupt\n" + ONLY),
    Odd("a public key alone", "no key to offer", HostError, client="IdentityFile {folder}/user_key.pub\n" + ONLY),
    Odd("another key", "accepts none of the keys offered .*other_key", HostError,
        client="IdentityFile {folder}/other_key\n" + ONLY),
    Odd("too many keys", "too many keys .9 to offer.*IdentitiesOnly", HostError, client="IdentityFile {folder}/gone\n",
        agent=9),
    Odd("a password alone", "accepts no keys, but wants .*a password", HostError,
        server="PubkeyAuthentication no\nPasswordAuthentication yes\n"),
    Odd("a password beside the key", "wants a password in addition to the key", HostError,
        server="PasswordAuthentication yes\nAuthenticationMethods publickey,password\n"),
    # Host keys.
    Odd("a revoked key", "@revoked", HostKeyError, client=KEY + "UserKnownHostsFile {folder}/revoked\n"),
    Odd("a damaged known_hosts", client=KEY + "UserKnownHostsFile {folder}/damaged\n"),
    Odd("a revoked key in a damaged file", "@revoked", HostKeyError,
        client=KEY + "UserKnownHostsFile {folder}/damaged {folder}/revoked\n"),
    # Ways there.
    Odd("a jump host", client=KNOWN + "ProxyJump bastion\n" + KEY + "Host bastion\n" + HERE + KNOWN + KEY),
    Odd("a proxy command", client=KEY + "ProxyCommand ssh -F {config} -W %h:%p bastion\nHost bastion\n" + HERE + KNOWN
        + KEY + "UserKnownHostsFile {folder}/known_hosts\n"),
    jump("a jump host unknown", "key of the jump host .*not in your known_hosts.*ssh bastion", HERE, HostKeyError),
    jump("a jump host revoked", "jump host bastion: .*@revoked", HERE + "UserKnownHostsFile {folder}/revoked\n",
         HostKeyError),
    jump("a jump host that refuses", "jump host bastion: .*refuses the connection",
         "HostName 127.0.0.1\nPort {closed}\n", HostUnreachable),
    jump("a jump host without a name", "jump host bastion: the host name gone.invalid cannot be resolved",
         "HostName gone.invalid\n", HostUnreachable),
    Odd("a jump host that lets nobody in", "jump host bastion: the host accepts none of the keys", HostError,
        client="ProxyJump bastion\n" + KEY + "Host bastion\n" + HERE + KNOWN + ONLY
        + "IdentityFile {folder}/other_key\n"),
    Odd("a host that its jump host cannot reach", "its jump host cannot reach 127.0.0.1:", HostUnreachable,
        client="HostName 127.0.0.1\nPort {closed}\nProxyJump bastion\n" + KEY + "Host bastion\n" + HERE + KNOWN + KEY),
    Odd("jump hosts in a circle", "ProxyJump leads back to there", HostError,
        client="ProxyJump bastion\n" + KEY + "Host bastion\nProxyJump there\n" + HERE),
    net("a proxy command that is not there", "ProxyCommand no-such-proxy cannot be started",
        "ProxyCommand no-such-proxy %h %p\n"),
    net("a proxy command that fails", "ProxyCommand false ended", "ProxyCommand false\n"),
    net("a proxy command that prints nonsense", "ProxyCommand echo ended", "ProxyCommand echo hello\n"),
    net("a port where nobody listens", "127.0.0.1:.* refuses the connection", "Port {closed}\n"),
    net("a name that is not known", "the host name gone.invalid cannot be resolved", "HostName gone.invalid\n"),
    net("a web server", "no SSH server answers at .*HTTP/1.1 400", "Port {web}\n", HostError),
    net("a mail server", "no SSH server answers at .*220 mail", "Port {mail}\n", HostError),
    net("a port that says nothing", "accepts the connection but sends nothing", "Port {silent}\n"),
    net("a port that closes at once", "closes the connection before its greeting", "Port {closing}\n"),
    net("old ciphers", r"only old algorithms .encryption: aes128-cbc.*Ciphers \+aes128-cbc", "Port {old}\n", HostError),
    Odd("old ciphers allowed", client="Port {old}\nCiphers +aes128-cbc\n" + KEY),
    net("too many logins at once", "accepts no more logins now|closes the connection", "Port {full}\n"),
]  # fmt: skip


def test_fifty_odd() -> None:
    assert len({odd.name for odd in HOSTS}) == len(HOSTS) >= 50


@dataclass(frozen=True)
class Place:
    """Where the odd hosts are: a folder that every account may read, and words for the cases' texts."""

    folder: Path
    words: dict[str, object]
    accounts: dict[str, str]  # by the names of cases
    host_key: asyncssh.SSHKey


@contextmanager
def answering(greeting: bytes | None) -> Iterator[int]:
    """A port that takes every line and says this; nothing at all, or the end for None."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                kept.append(line)
                if greeting is None:
                    line.close()
                elif greeting.startswith(b"HTTP"):
                    line.recv(100)
                    line.sendall(greeting)
                    line.close()
                elif greeting:
                    line.sendall(greeting)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for line in kept:
            line.close()


def taken(port: int) -> socket.socket:
    """The one line that an sshd with MaxStartups 1 takes."""
    while True:
        line = socket.create_connection(("127.0.0.1", port))
        if line.recv(4) == b"SSH-":
            return line
        line.close()


def make_keys(folder: Path, sshd: SSHD, others: list[SSHD]) -> None:
    """What the clients' settings name."""
    locked = asyncssh.generate_private_key("ssh-ed25519")
    for name in ("locked", "locked_open"):
        locked.write_private_key(folder / name)
        (folder / name).chmod(0o600)
    lock = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "a long secret", "-f", str(folder / "locked")]
    subprocess.run(lock, check=True, stdout=subprocess.DEVNULL)
    with (folder / "authorized_keys").open("ab") as file:
        file.write(locked.export_public_key())
    asyncssh.read_private_key(folder / "user_key").write_public_key(folder / "user_key.pub")
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(folder / "other_key")
    whole = (folder / "user_key").read_text().splitlines()
    (folder / "corrupt").write_text("\n".join([whole[0], "AAAA" + whole[1][4:], *whole[2:]]))
    for one in folder.glob("*_key"):
        one.chmod(0o600)
    public = sshd.host_key.export_public_key().decode().strip()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{sshd.port} {public}\n")
    (folder / "revoked").write_text(f"@revoked * {public}\n")
    (folder / "damaged").write_text(f"gpu7 ssh-ed25519 AAAA\n\x00\n@nonsense x\n|1|no hash\nother {public}\n")
    for one in others:
        shutil.copy(folder / "authorized_keys", one.folder / "authorized_keys")


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    if os.geteuid() != 0:
        message = "accounts with odd shells are made by root"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    folder = Path(tempfile.mkdtemp(prefix="cosmos-odd-", dir="/tmp"))
    folder.chmod(0o755)
    accounts, matches = {}, ""
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for number, odd in enumerate([Odd("plain", files={".hushlogin": ""}), *HOSTS]):
            if not odd.own_account:
                continue
            account, home = f"cosmosodd{number}", folder / "homes" / str(number)
            words = ["useradd", "-p", "*", "-s", odd.shell, *(odd.account or ["-d", str(home)]), account]
            subprocess.run(words, check=True, capture_output=True)
            stack.callback(subprocess.run, ["userdel", "-f", account], capture_output=True, check=False)
            home.mkdir(parents=True)
            for name, text in odd.files.items():
                (home / name).parent.mkdir(parents=True, exist_ok=True)
                (home / name).write_text(text)
            subprocess.run(["chown", "-R", account, str(home)], check=True)
            matches += f"Match User {account}\n{odd.server.format(home=home)}\n"
            accounts[odd.name] = account
        # bash reads its .bashrc for a command only where it believes to be the outermost one.
        sshd = stack.enter_context(SSHD(folder / "sshd", settings="SetEnv COSMOS_ODD=1", matches=matches))
        old = stack.enter_context(SSHD(folder / "old", settings="Ciphers aes128-cbc"))
        full = stack.enter_context(SSHD(folder / "full", matches="MaxStartups 1\nLoginGraceTime 0"))
        make_keys(sshd.folder, sshd, [old, full])
        for one in (old, full):
            one.host_key = sshd.host_key
            sshd.host_key.write_private_key(one.folder / "host_key")
            one.stop()
            one.listen()
        stack.callback(taken(full.port).close)
        closed = stack.enter_context(closed_port())
        greetings = {
            "web": b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "mail": b"220 mail\r\n",
            "silent": b"",
            "closing": None,
        }
        ports = {name: stack.enter_context(answering(text)) for name, text in greetings.items()}
        words_of_cases = {
            "folder": sshd.folder, "port": sshd.port, "closed": closed, "old": old.port, "full": full.port,
            **ports,
        }  # fmt: skip
        yield Place(sshd.folder, words_of_cases, accounts, sshd.host_key)


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Odd, Path], None]]:
    """Starts a real ssh-agent with the case's keys."""
    path = tmp_path / "agent"
    with ExitStack() as stack:

        def start(odd: Odd, folder: Path) -> None:
            monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
            if odd.agent is None:
                return
            process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.kill)
            monkeypatch.setenv("SSH_AUTH_SOCK", str(path))

            async def fill() -> None:
                while not path.exists():
                    await asyncio.sleep(0.01)
                others = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(odd.agent or 0)]
                held = [asyncssh.read_private_key(folder / name) for name in odd.held]
                async with asyncssh.connect_agent(str(path)) as client:
                    await client.add_keys([*others, *held])

            asyncio.run(fill())

        yield start


@pytest.mark.parametrize("odd", HOSTS, ids=lambda odd: odd.name.replace(" ", "-"))
def test_it_works_or_says_what_it_is(
    odd: Odd, place: Place, agent: Callable[[Odd, Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # no keys and no known_hosts of the developer's
    agent(odd, place.folder)
    config = tmp_path / "ssh_config"
    lines = (
        f"Host there\n{odd.client}\nHost there\n{HERE}User {place.accounts.get(odd.name, place.accounts['plain'])}\n"
    )
    lines = lines if "Host bastion" not in odd.client else f"{lines}Host bastion\nUser {place.accounts['plain']}\n"
    config.write_text(lines.format(config=config, **place.words))
    work = Path(tempfile.mkdtemp(prefix="work-", dir=place.folder))
    work.chmod(0o777)
    host = Host("gpu", odd.ssh, workdir=f"{work}/it's ours!", python=odd.python, ssh_config=str(config))
    pins = Pins(tmp_path / "pins")
    pins.pin("gpu", place.host_key)
    # Short only where the host or its shell waits for longer than that.
    connect = 5.0 if odd.name in ("a port that says nothing", "a mail server") else 60.0
    shell = 5.0 if "input" in odd.words or "did not run" in odd.words else 60.0
    if odd.error is None:
        asyncio.run(everything(host, pins, tmp_path, connect, shell))
        return
    for _ in range(TRIES):
        with pytest.raises(CosmosError) as caught:
            asyncio.run(everything(host, pins, tmp_path, connect, shell))
        # Where this process gets no time, the end of the line comes together with what the host said before.
        if re.search(f"(?s){odd.words}", str(caught.value)) or "Connection lost" not in str(caught.value):
            break
    assert re.search(f"(?s){odd.words}", str(caught.value))
    assert type(caught.value) is odd.error
    assert caught.value.remedy


async def everything(host: Host, pins: Pins, folder: Path, connect: float, shell: float) -> None:
    """Each kind of command that we send: installing, asking, streams of bytes there and back."""
    blob = b"\n{\0\xff" + os.urandom(100_000)
    name = hashlib.sha256(blob).hexdigest()
    path = folder / "blob"
    path.write_bytes(blob)
    async with SSHManager(host, pins, connect_seconds=connect, shell_seconds=shell) as manager:
        program = HostProgram(manager)
        assert (await send_blobs(program, {name: path})).files == 1
        ended = await host_steps.follow(program, "run-1", Parcel(folder / "parcel", folder), lambda file, data: None)
        assert ended["state"] == "unknown"
        done = await manager.run(["sh", "-c", 'cat; printf %s "$1" >&2; exit 5', "x", "a!b\n\\'"], blob)
        assert (done.code, done.out, done.err) == (5, blob, b"a!b\n\\'")
