"""Runs a command on a pseudo-terminal: on-terminal.py COLUMNS PROMPT ANSWER COMMAND...

Each time that the PROMPT has appeared, the next of the answers is typed, which `|` separates in ANSWER (with escapes such
as \\n and \\x03; `close` hangs up).
Prints what the terminal showed, and ends with the exit status of the command.
"""
import fcntl
import os
import pty
import struct
import sys
import termios

columns, prompt, command = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[4:]
answers = sys.argv[3].split("|") if prompt else []
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    os.execvp(command[0], command)

shown, typed = b"", 0
while True:
    try:
        chunk = os.read(terminal, 4096)
    except OSError:
        break
    if not chunk:
        break
    shown += chunk
    if typed < len(answers) and shown.count(prompt) > typed:
        answer = answers[typed]
        typed += 1
        if answer == "close":
            os.close(terminal)
            break
        os.write(terminal, answer.encode().decode("unicode_escape").encode("latin-1"))

_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(shown)
sys.stdout.flush()
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
