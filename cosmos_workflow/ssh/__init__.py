"""Access to another machine: hosts and their pinned keys, one SSH connection, the agent's program, and files.

Built on asyncssh, which reads the user's OpenSSH config. Knows the agent's commands, and nothing of runs, the store
or the command line. Start reading at `ssh_manager`.
"""

from cosmos_workflow.ssh.containers import container_trouble
from cosmos_workflow.ssh.hosts import Host, host_from
from cosmos_workflow.ssh.keys import Pins
from cosmos_workflow.ssh.program import HostProgram
from cosmos_workflow.ssh.sharing import line_to, one_line, run_steps
from cosmos_workflow.ssh.ssh_manager import Completed, SSHManager
from cosmos_workflow.ssh.transfer import Sent, fetch_blobs, send_blobs

__all__ = [
    "Completed",
    "Host",
    "HostProgram",
    "Pins",
    "SSHManager",
    "Sent",
    "container_trouble",
    "fetch_blobs",
    "host_from",
    "line_to",
    "one_line",
    "run_steps",
    "send_blobs",
]
