"""Mail by SMTP: one connection, one message, and whether it surely did not go out.

Here: the calls of SMTP and what its answers mean. Not here: the interface (delivery), the message (domain.deliveries).
"""

import smtplib
import ssl
from email.message import EmailMessage

from domain.deliveries import UnsureError
from domain.errors import RefusedError, TransientError, VigieError
from domain.masking import masked
from options import Delivery

_TLS_FROM_THE_START = 465


class SmtpMailer:
    """A mail server. Nothing is opened before a message is sent."""

    def __init__(self, options: Delivery, password: str | None) -> None:
        self._options = options
        self._password = password
        self._where = f"{options.host}:{options.port}"

    def send(self, mail: EmailMessage) -> None:
        """See Mailer."""
        try:
            server = self._connected()
        except (OSError, smtplib.SMTPException) as error:
            raise self._not_sent(error) from None  # its text may hold what was sent, the password too
        try:
            self._hand_over(server, mail)
        finally:
            server.close()

    def _connected(self) -> smtplib.SMTP:
        options, context = self._options, ssl.create_default_context()
        if options.port == _TLS_FROM_THE_START:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                options.host, options.port, timeout=options.timeout, context=context
            )
        else:
            server = smtplib.SMTP(options.host, options.port, timeout=options.timeout)
        try:
            server.ehlo_or_helo_if_needed()
            if options.starttls and options.port != _TLS_FROM_THE_START:
                server.starttls(context=context)
            if options.username:
                server.login(options.username, self._password or "")
        except BaseException:
            server.close()
            raise
        return server

    def _hand_over(self, server: smtplib.SMTP, mail: EmailMessage) -> None:
        try:
            for ask, address in ((server.mail, mail["From"]), (server.rcpt, mail["To"])):
                code, said = ask(str(address))
                if code not in (250, 251):
                    raise smtplib.SMTPResponseException(code, said)
        except (OSError, smtplib.SMTPException) as error:
            raise self._not_sent(error) from None
        try:
            code, said = server.data(mail.as_bytes())
            if code != 250:
                raise smtplib.SMTPResponseException(code, said)
        except smtplib.SMTPResponseException as error:
            raise self._not_sent(error) from None
        except (OSError, smtplib.SMTPException) as error:
            raise UnsureError(
                f"the server fell silent while it took the message ({type(error).__name__}).", where=self._where
            ) from None

    def _not_sent(self, error: Exception) -> VigieError:
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return RefusedError(
                f"the server refused the login ({error.smtp_code}).",
                where=self._where,
                remedy="Check delivery.username and the secret of delivery.password.",
            )
        if isinstance(error, smtplib.SMTPResponseException):
            said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else ""
            said = masked(said, [self._password] if self._password else [])  # a server may quote what it was sent
            answer = f"the server answered {error.smtp_code} {said}".strip() + "."
            if error.smtp_code >= 500:
                return RefusedError(answer, where=self._where, remedy="Check delivery.sender and the address.")
            return TransientError(answer, where=self._where)
        if isinstance(error, smtplib.SMTPNotSupportedError | ssl.SSLError):
            return RefusedError(
                f"the server cannot be spoken to as the target says: {error}",
                where=self._where,
                remedy="Check delivery.starttls, delivery.port and the server's certificate.",
            )
        return TransientError(f"the server cannot be reached ({type(error).__name__}).", where=self._where)
