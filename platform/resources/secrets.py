"""Where secrets are read, at the moment of use: today the process's environment.

Here: a reference of the settings -> the secret. Not here: naming them (settings), keeping them.
"""

from domain.errors import SettingsError
from settings import SecretRef, environment_value


def read_secret(reference: SecretRef | None) -> str | None:
    """The secret a reference names; None where there is no reference. Raises SettingsError where it is not set."""
    if reference is None:
        return None
    if reference.env is None:
        raise SettingsError(
            "secrets in a vault cannot be read yet.",
            where=f"vault: {reference.vault}",
            remedy="Name an environment variable in the target instead: {env: NAME}.",
        )
    found = environment_value(reference.env)
    if not found:
        raise SettingsError(
            f"the secret {reference.env} is not set.", remedy=f"Set it for this process: export {reference.env}=..."
        )
    return found
