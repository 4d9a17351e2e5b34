"""A real redis-server, without files, on a port that stays the same when it is killed and started anew."""

import signal
import subprocess

from support.running import Program, free_port


class Redis:
    def __init__(self, folder, *options):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.folder = folder
        self.options = options
        self.program = None
        self.start()

    def start(self):
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                   "--dir", self.folder, *self.options]
        self.program = Program(command, f"{self.folder}/redis.log", ready_port=self.port)

    def kill(self):
        self.program.end(signal.SIGKILL)

    def send_signal(self, number):
        self.program.send_signal(number)

    def ask(self, *words):
        """What redis-cli prints."""
        command = ["redis-cli", "-p", str(self.port), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()

    def calls(self, command):
        """How often a command was executed."""
        for line in self.ask("info", "commandstats").splitlines():
            if line.startswith(f"cmdstat_{command}:calls="):
                return int(line.split("=")[1].split(",")[0])
        return 0

    def end(self):
        if self.program.process.poll() is None:
            self.program.send_signal(signal.SIGCONT)
            self.kill()
