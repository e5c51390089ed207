"""Somebody who has taken over a thread of the server: makes it ask the kernel what we say, by ptrace.

The thread is stopped wherever it is, its registers are set to one system call of ours, and all is put
back afterwards, so that the server goes on as if nothing had been. x86_64 alone.
"""
import ctypes
import errno
import os
import platform
import re

SUPPORTED = platform.machine() == "x86_64"

_SEIZE, _INTERRUPT, _SINGLESTEP, _GETREGS, _SETREGS, _DETACH = 0x4206, 0x4207, 9, 12, 13, 17
_SYSCALL_INSTRUCTION = b"\x0f\x05"
_WALL = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long

#: Numbers of system calls.
CALLS = {"open": 2, "mmap": 9, "socket": 41, "sendto": 44, "sendmsg": 46, "recvmsg": 47, "clone": 56, "execve": 59, "ptrace": 101, "mount": 165,
         "getpid": 39, "openat": 257, "unshare": 272, "setns": 308, "bpf": 321, "clone3": 435}


class _Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in
                ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp "
                 "ss fs_base gs_base ds es fs gs").split()]


def _ptrace(request, thread, address=0, data=0):
    if _libc.ptrace(request, thread, address, data) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace {request:#x}: {os.strerror(number)}")


def threads(pid):
    """The main thread first."""
    return sorted(int(tid) for tid in os.listdir(f"/proc/{pid}/task"))


class Intruder:
    """Holds a thread for a `with` block."""

    def __init__(self, pid, thread):
        self.pid, self.thread = pid, thread

    def __enter__(self):
        _ptrace(_SEIZE, self.thread)
        _ptrace(_INTERRUPT, self.thread)
        self._wait()
        self._before = self._registers()
        self._instruction = self._find_instruction()
        return self

    def __exit__(self, *_):
        self._set(self._before)
        _ptrace(_DETACH, self.thread)

    def _wait(self):
        _, status = os.waitpid(self.thread, _WALL)
        assert os.WIFSTOPPED(status), f"thread {self.thread} ended: {status:#x}"

    def _registers(self):
        registers = _Registers()
        _ptrace(_GETREGS, self.thread, 0, ctypes.addressof(registers))
        return registers

    def _set(self, registers):
        _ptrace(_SETREGS, self.thread, 0, ctypes.addressof(registers))

    def _find_instruction(self):
        """Where the process has an instruction that enters the kernel."""
        with open(f"/proc/{self.pid}/maps") as maps, open(f"/proc/{self.pid}/mem", "rb") as memory:
            for line in maps:
                start, end, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
                if "x" not in rights or "[vsyscall]" in line:
                    continue
                memory.seek(int(start, 16))
                at = memory.read(int(end, 16) - int(start, 16)).find(_SYSCALL_INSTRUCTION)
                if at >= 0:
                    return int(start, 16) + at
        raise AssertionError("no system call in the whole program")

    def put(self, data, slot=0):
        """Puts bytes, 1 KiB at most, on the thread's stack, below what it uses, and returns where. What
        is in other slots stays."""
        at = (self._before.rsp & ~15) - 4096 - 1024 * slot
        with open(f"/proc/{self.pid}/mem", "r+b", buffering=0) as memory:
            memory.seek(at)
            memory.write(data)
        return at

    def get(self, at, size):
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            memory.seek(at)
            return memory.read(size)

    def text(self, value):
        return self.put(value.encode() + b"\0" * 64)

    def call(self, name, *arguments):
        """What the kernel says to this call by the thread: a number, or the name of an error."""
        registers = _Registers.from_buffer_copy(self._before)
        registers.rip = self._instruction
        registers.rax = CALLS[name]
        registers.orig_rax = ctypes.c_ulonglong(-1).value  # no call that was cut short is resumed
        for register, argument in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), arguments):
            setattr(registers, register, ctypes.c_ulonglong(argument).value)
        self._set(registers)
        _ptrace(_SINGLESTEP, self.thread)
        self._wait()
        result = ctypes.c_longlong(self._registers().rax).value
        return errno.errorcode[-result] if -4096 < result < 0 else result


def attempts(intruder):
    """What an intruder would like to do, and what comes of each."""
    nobody = 0x7fffffff
    at_cwd, read_only, read_write_execute, private = -100, 0, 7, 0x22
    impossible = 0x800  # CLONE_SIGHAND alone: the kernel looks at it and refuses
    return {
        "open a file": intruder.call("openat", at_cwd, intruder.text("/etc/hostname"), read_only, 0),
        "open it by the old call": intruder.call("open", intruder.text("/etc/hostname"), read_only, 0),
        "enter a namespace": intruder.call("setns", 0, 0x40000000),
        "change the firewall": intruder.call("socket", 16, 3, 12),
        "reach a unix socket": intruder.call("socket", 1, 1, 0),
        "see all packets": intruder.call("socket", 17, 3, 0),
        "look into a process": intruder.call("ptrace", 16, nobody, 0, 0),
        "mount": intruder.call("mount", 0, 0, 0, 0, 0),
        "load a program into the kernel": intruder.call("bpf", 0, 0, 0),
        "have code in fresh memory": intruder.call("mmap", 0, 4096, read_write_execute, private, -1, 0),
        "start a process": intruder.call("clone", impossible, 0, 0, 0, 0),
        "start a thread": intruder.call("clone3", 0, 0),
        "make a namespace": intruder.call("unshare", 0x10000000),
        "run a program": intruder.call("execve", intruder.text("/nowhere"), 0, 0),
    }
