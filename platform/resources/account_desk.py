"""Everything the work on accounts needs, opened when it is needed: database, secrets, Schematics, the logs' store.

Here: settings -> what is open for the length of one step. Not here: what is done with it (domain.changes), Dagster.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from domain.accounts import DemandError
from domain.changes import Change
from domain.errors import MissingError, SettingsError
from domain.launches import Terms
from domain.standing import Job
from resources.database import AccountsDatabase, open_database
from resources.decisions import Decisions
from resources.launch_book import AccountLease, LaunchBook
from resources.object_store import open_store
from resources.pace import Pace
from resources.schematics import Schematics
from resources.secrets import read_secret
from settings import Settings, environment_value


class AccountDesk:
    """One target's accounts. Making it opens nothing and reads no secret."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @contextmanager
    def database(self) -> Iterator[AccountsDatabase]:
        """The accounts' database, closed at the end."""
        database = open_database(self.settings)
        try:
            yield database
        finally:
            database.close()

    @contextmanager
    def book(self) -> Iterator[LaunchBook]:
        """Where accounts stand."""
        with self.database() as database:
            yield LaunchBook(database)

    @contextmanager
    def decisions(self) -> Iterator[Decisions]:
        """What people decide."""
        with self.database() as database:
            yield Decisions(database)

    @contextmanager
    def schematics(self, database: AccountsDatabase) -> Iterator[Schematics]:
        """IBM Schematics, at the pace that all runs share; its API key is read now."""
        with self._schematics(database, self.api_key()) as opened:
            yield opened

    @contextmanager
    def change(self, name: str, tell: Callable[[str], None]) -> Iterator[Change]:
        """The work on one account, which is nobody else's meanwhile. Secrets are read now, and kept nowhere."""
        answers = self.settings.schematics
        with self.database() as database:
            book = LaunchBook(database)
            account = book.standing(name)
            if account.workspace_id is None:
                raise MissingError(
                    "the account has no Schematics workspace.",
                    where=name,
                    remedy=f"Say which one it is: vigie accounts link {name} WORKSPACE_ID --by NAME",
                )
            key = self.api_key()
            names = {"name": account.name, "number": account.number}
            read = {at: read_secret(self.settings, ref, **names) for at, ref in answers.secure_inputs.items()}
            secrets = {at: value for at, value in read.items() if value is not None}
            terms = Terms(answers.poll_seconds, answers.lock_patience, answers.lost_reply_seconds, answers.job_deadline)
            with (
                book.lease(name, answers.lease_seconds, tell) as lease,
                self._schematics(database, key, lease, tuple(secrets.values())) as schematics,
            ):
                workspace = schematics.workspace(account.workspace_id)
                yield Change(book, workspace, lease, terms, secrets, key, self.keep_log, tell)

    def stop(self, name: str, by: str, *, again: bool = False) -> Job:
        """Asks Schematics to end the account's running job in good order: the job. How it ended is written by the run
        that follows it."""
        with self.database() as database:
            decisions, workspace = Decisions(database), database.account(name).schematics_workspace_id
            job = decisions.running(name, again=again)
            with self.schematics(database) as schematics:
                activity = schematics.workspace(workspace or "").activity(job.activity_id or "")
                if activity.state.over:
                    raise DemandError(
                        f"the {job.kind} is over already, as {activity.status}.",
                        where=name,
                        remedy="The run that follows it writes so; where that run was lost, the next one does.",
                    )
                job = decisions.stop(name, by, again=again)
                schematics.workspace(workspace or "").stop(job.activity_id or "")
        return job

    def log_uri(self, job: Job) -> str:
        """For people: where the job's log is kept."""
        return f"{self.settings.stores.data.uri}/{job.log_key}"

    def _schematics(
        self, database: AccountsDatabase, key: str, lease: AccountLease | None = None, hidden: Sequence[str] = ()
    ) -> Schematics:
        """Under a lease, every request begins with a fresh one, and every wait keeps it."""
        answers = self.settings.schematics
        sleep = lease.pause if lease else time.sleep
        pace = Pace(database, answers.requests_per_minute, sleep)

        def turn() -> None:
            pace()
            if lease:
                lease.renew()

        return Schematics(
            answers.url,
            answers.iam_url,
            key,
            hidden=hidden,
            pace=turn,
            request_timeout=answers.request_timeout,
            sleep=sleep,
        )

    def api_key(self) -> str:
        """The key that Schematics is asked with, read now."""
        reference = self.settings.schematics.api_key
        if self.settings.schematics.kind == "local" and reference.env and not environment_value(reference.env):
            return "local"  # the emulator takes any key
        key = read_secret(self.settings, reference)
        if key is None:
            raise SettingsError("schematics.api_key is missing.", remedy="Name it in the target: {env: NAME}.")
        return key

    def keep_log(self, job: Job, text: str) -> str:
        """Keeps the job's log: its key. Another job's log is left alone: a restored database numbers versions anew."""
        key, body = f"accounts/{job.account}/v{job.version}/{job.kind}-{job.attempt}.log", text.encode()
        store, kind = open_store(self.settings.stores.data), "text/plain; charset=utf-8"
        if not store.put_if_absent(key, body, kind) and store.get(key).body != body:
            key = f"{key.removesuffix('.log')}-{job.activity_id}.log"
            store.put(key, body, kind)
        return key
