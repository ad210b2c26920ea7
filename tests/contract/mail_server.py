"""A mail server on 127.0.0.1 that takes what it is given, or fails as it is told. Not here: what a suite asserts."""

import base64
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class MailServer:
    """What it received, and how it fails: a command's answer by its name ("MAIL", "RCPT", "DATA", "BODY").

    `silent`: it closes the connection where it should say whether it took the message. `password`: it wants this login.
    """

    address: tuple[str, int] = ("", 0)
    received: list[tuple[str, str, bytes]] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    password: str = ""
    logins: list[str] = field(default_factory=list)

    def mails(self) -> list[EmailMessage]:
        """What it took, read as a mail reader would."""
        return [message_from_bytes(body, policy=policy.default) for _, _, body in self.received]


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A server for the length of a test."""
    state = MailServer()

    class Session(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        def handle(self) -> None:
            self.say("220 here")
            sender = recipient = ""
            while line := self.rfile.readline().decode().rstrip("\r\n"):
                verb = line.split()[0].upper()
                if verb in state.answers:
                    self.say(state.answers[verb])
                elif verb == "EHLO":
                    self.say("250-here\r\n250-AUTH PLAIN\r\n250 SIZE 10000000" if state.password else "250 here")
                elif verb == "AUTH":
                    state.logins.append(base64.b64decode(line.split()[2]).decode())
                    right = state.logins[-1].endswith(f"\0{state.password}")
                    self.say("235 welcome" if right else "535 no")
                elif verb == "MAIL":
                    sender = line.partition("<")[2].partition(">")[0]
                    self.say("250 ok")
                elif verb == "RCPT":
                    recipient = line.partition("<")[2].partition(">")[0]
                    self.say("250 ok")
                elif verb == "DATA":
                    self.say("354 go on")
                    body = self.body()
                    if state.silent:
                        return
                    if "BODY" not in state.answers:
                        state.received.append((sender, recipient, body))
                    self.say(state.answers.get("BODY", "250 taken"))
                elif verb == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("502 unknown")

        def body(self) -> bytes:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line[1:] if line.startswith(b".") else line)
            return b"".join(lines)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Session) as server:
        state.address = ("127.0.0.1", server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield state
        server.shutdown()
        thread.join()
