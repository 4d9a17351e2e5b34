"""What befalls one of the applications behind the proxy while requests come, and the applications it befalls."""

import os
import random
import signal
import socket
import time

from running import start

WELL_MICROS = 1000  # an answer of an application that is well
SICK_MICROS = 100 * WELL_MICROS
BETWEEN_KILLS = 2.0  # seconds
DOWN = 0.5  # seconds from a kill to the next start


def low_port():
    """Below the ports of outgoing connections: a connect to one of those may meet itself while nobody listens."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class App:
    """A sickbackend. `with App(...)` ends it."""

    def __init__(self, folder, programs, number, sick_micros, sick_status):
        self.port = low_port()
        program = os.path.join(programs, "sickbackend")
        self.command = [program, str(self.port), str(WELL_MICROS), str(sick_micros), str(sick_status)]
        self.output = os.path.join(folder, f"app{number}.log")
        self.start()

    def start(self):
        self.process = start(self.command, f"0-{os.cpu_count() - 1}", self.output)
        limit = time.monotonic() + 5
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None or time.monotonic() > limit:
                raise SystemExit(f"an application didn't start; see {self.output}")
            time.sleep(0.002)

    def kill(self):
        self.process.kill()  # also one that is stopped
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


def fall_ill(number):
    """Sends the first application the signal a while after the beginning; it stays so until the end."""

    def befall(apps, over, seconds):
        if not over.wait(seconds / 10):
            apps[0].process.send_signal(number)

    return befall


def kill_in_turn(apps, over, seconds):
    """Every so often another one, which comes back: the one that was killed last may still be left out."""
    between = min(BETWEEN_KILLS, seconds / 4)
    down, number = min(DOWN, between / 4), 0
    while not over.wait(between - down if number else between / 2):
        app = apps[number % len(apps)]
        app.kill()
        time.sleep(down)
        app.start()
        number += 1


def roll(apps, over, seconds):
    """Each once, and only then the next one: a new version of all of them."""
    for app in apps:
        if over.wait(seconds / 10):
            return
        app.kill()
        time.sleep(min(DOWN, seconds / 20))
        app.start()


def kill_the_same(apps, over, seconds):
    kill_in_turn(apps[:1], over, seconds)


class Fault:
    def __init__(self, befall, says, sick_micros=WELL_MICROS, sick_status=200):
        self.befall, self.says = befall, says
        self.sick_micros, self.sick_status = sick_micros, sick_status


FAULTS = {
    "none": Fault(lambda *_: None, "three applications that answer after 1 ms"),
    "kill": Fault(kill_the_same, "one of them killed (-9) every 2 s, started again after 0.5 s"),
    "kill-turns": Fault(kill_in_turn, "the same, each in its turn"),
    "roll": Fault(roll, "each of them killed once in the first half, started again after 0.5 s"),
    "hang": Fault(fall_ill(signal.SIGSTOP), "one of them stopped (SIGSTOP): it accepts and never answers"),
    "503": Fault(fall_ill(signal.SIGUSR1), "one of them answers 503 to everything", sick_status=503),
    "slow": Fault(fall_ill(signal.SIGUSR1), "one of them 100 times slower", sick_micros=SICK_MICROS),
}
