# SPDX-License-Identifier: GPL-3.0-or-later
"""judge.py STAND_IN JUDGE ARGUMENT...: the judge, whose stand-ins for a host's commands are forked from one
process that has it loaded: starting Python for each of them is most of what a host costs.

STAND_IN is what stands in for Python; it meets us at the socket `keeper` beside it."""
import gc
import importlib
import os
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


def main():
    program, path, *arguments = sys.argv[1:]
    place, name = os.path.split(os.path.abspath(path))
    sys.path[0] = place
    judge = importlib.import_module(name[:-len(".py")])
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
