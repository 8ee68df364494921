# SPDX-License-Identifier: GPL-3.0-or-later
"""judge.py STAND_IN JUDGE ARGUMENT...: the judge, whose stand-ins for a host's commands are forked from one
process that has it loaded: starting Python for each of them is most of what a host costs.

STAND_IN is what stands in for Python; it meets us at the socket `keeper` beside it.

What its Proxmox VE does otherwise than the real one with what waits is put right here (real_pending, pending_counts)."""
import copy
import gc
import importlib
import os
import re
import signal
import socket
import sys
import traceback


def stand_in(judge, connection):
    """One of the host's commands, on the streams of who calls, in its directory and environment."""
    message, streams, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    directory, count, *words = os.fsdecode(message).split("\0")[:-1]
    arguments, environment = words[:int(count)], words[int(count):]
    for to, stream in enumerate(streams):
        os.dup2(stream, to)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(variable.split("=", 1) for variable in environment)
    status = 1
    try:
        status = judge.stand_in(*arguments) or 0
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os.closerange(0, 3)  # who reads them waits for their end
    for stream in streams:
        os.close(stream)
    connection.send(bytes([status & 255]))
    os._exit(0)


def keep(judge, listener):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            stand_in(judge, connection)
        connection.close()


def real_pending(judge):
    """PUT config as PVE/API2/Qemu.pm (update_vm_api) and PVE/AbstractConfig.pm have it: `revert` takes what waits
    back, what is set anew waits no more to be deleted (remove_from_pending_delete), and what waits and is as it is
    goes (cleanup_pending). The judge's own keeps all of that in PENDING."""
    model = judge.set_config

    def waits_for_deletion(vm):
        return [key for key in re.split(r"[\s,;!]+", vm.pending.get("delete", "")) if key]

    def set_config(vm, params):
        reverted = params.get("revert", "").split(",")
        model(vm, {key: value for key, value in params.items() if key != "revert"})
        deleted = [key for key in waits_for_deletion(vm)
                   if key in vm.conf and key not in reverted and params.get(key) is None]
        gone = [key for key, value in vm.pending.items() if key in reverted or vm.conf.get(key) == value]
        for key in [*gone, "delete"]:
            vm.pending.pop(key, None)
        if deleted:
            vm.pending["delete"] = ",".join(deleted)

    judge.set_config = set_config


def pending_counts(judge):
    """Whether a VM will start is judged by its lines as a start has them, which applies what waits
    (PVE/QemuServer.pm, vm_start_nolock: vmconfig_apply_pending). The judge's own start does; its audit forgot."""
    model = judge.functions_to_take

    def functions_to_take(h, vm, alone=False):
        if alone:
            gone = vm.pending.get("delete", "").split(",")
            vm = copy.copy(vm)
            vm.conf = {key: value for key, value in {**vm.conf, **vm.pending}.items() if key not in ("delete", *gone)}
        return model(h, vm, alone)

    judge.functions_to_take = functions_to_take


def main():
    program, path, *arguments = sys.argv[1:]
    place, name = os.path.split(os.path.abspath(path))
    sys.path[0] = place
    judge = importlib.import_module(name[:-len(".py")])
    real_pending(judge)
    pending_counts(judge)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(os.path.join(os.path.dirname(program), "keeper"))
    listener.listen(64)
    keeper = os.fork()
    if keeper == 0:
        keep(judge, listener)
    listener.close()
    sys.executable = program
    sys.argv = [path, *arguments]
    try:
        return judge.main()
    finally:
        os.kill(keeper, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
