"""What the Dagster UI can be asked over GraphQL, as far as it could show a secret: runs, assets, resources, schemas.

Here: the questions, and asking them. Not here: starting a webserver, searching the answers.
"""

import json
import urllib.request
from typing import Any

_METADATA = """metadataEntries { __typename label description
  ... on TextMetadataEntry { text } ... on JsonMetadataEntry { jsonString } ... on MarkdownMetadataEntry { mdStr }
  ... on PathMetadataEntry { path } ... on UrlMetadataEntry { url } }"""
_ERROR = "message className stack errorChain { isExplicitLink error { message className stack } }"
_HERE = 'repositoryName: "__repository__", repositoryLocationName: "vigie"'
_REPOSITORY = f"repositorySelector: {{{_HERE}}}"
_CONFIG_TYPES = """{ __typename ... on RunConfigSchema { allConfigTypes { key description
  ... on CompositeConfigType { fields { name description configTypeKey defaultValueAsJson } }
  ... on EnumConfigType { values { value description } } } rootDefaultYaml } }"""

_QUESTIONS = {
    "runs": """{ runsOrError { ... on Runs { results { runId jobName status runConfigYaml tags { key value }
      assetSelection { path } stats { __typename } } } } }""",
    "assets": f"""{{ assetNodes {{ assetKey {{ path }} description computeKind metadataEntries {{ __typename label }}
      configField {{ configType {{ key description }} }} requiredResources {{ resourceKey }}
      assetMaterializations {{ runId partition message description {_METADATA} }}
      assetObservations {{ runId partition message description {_METADATA} }}
      assetChecksOrError {{ ... on AssetChecks {{ checks {{ name description executionForLatestMaterialization {{
        evaluation {{ description {_METADATA} }} }} }} }} }} }} }}""",
    "resources": f"""{{ allTopLevelResourceDetailsOrError({_REPOSITORY}) {{
      ... on ResourceDetailsList {{ results {{ name description resourceType isTopLevel
      configFields {{ name description configTypeKey defaultValueAsJson }} configuredValues {{ key value type }} }} }}
      ... on PythonError {{ {_ERROR} }} }} }}""",
    "instance": """{ instance { id hasInfo info runLauncher { name } daemonHealth { allDaemonStatuses { daemonType } }
      runQueueConfig { maxConcurrentRuns tagConcurrencyLimitsYaml } useAutoMaterializeSensors } }""",
    "workspace": f"""{{ workspaceOrError {{ ... on Workspace {{ locationEntries {{ name loadStatus
      displayMetadata {{ key value }} locationOrLoadError {{ __typename ... on PythonError {{ {_ERROR} }}
      ... on RepositoryLocation {{ name repositories {{ name displayMetadata {{ key value }} jobs {{ name description
      tags {{ key value }} }} sensors {{ name description metadata {{ assetKeys {{ path }} }} }} }} }} }}
      }} }} }} }}""",
}


def ask(address: str, query: str) -> str:
    """The answer as it came. AssertionError where the question is not understood."""
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        text: str = answer.read().decode()
    assert "errors" not in json.loads(text), text[:2000]
    return text


def ask_everything(address: str) -> dict[str, str]:
    """Question -> answer; of every run its events and captured logs, of every job its schema, of every resource."""
    answers = {name: ask(address, query) for name, query in _QUESTIONS.items()}

    def data(name: str) -> Any:
        return json.loads(answers[name])["data"]

    for run in data("runs")["runsOrError"]["results"]:
        answers[f"events of {run['runId']}"] = ask(address, _events(run["runId"]))
    keys = {
        event["fileKey"]: run
        for run, text in answers.items()
        if run.startswith("events of ")
        for event in _captured(text)
    }
    for key, run in keys.items():
        path = json.dumps([run.rpartition(" ")[2], "compute_logs", key])
        answers[f"captured {key}"] = ask(address, f"{{ capturedLogs(logKey: {path}) {{ stdout stderr }} }}")
    (location,) = data("workspace")["workspaceOrError"]["locationEntries"]
    for job in location["locationOrLoadError"]["repositories"][0]["jobs"]:
        selector = f'{{{_HERE}, pipelineName: "{job["name"]}"}}'
        answers[f"schema of {job['name']}"] = ask(
            address, f"{{ runConfigSchemaOrError(selector: {selector}) {_CONFIG_TYPES} }}"
        )
    resources = data("resources")["allTopLevelResourceDetailsOrError"]["results"]
    assert "accounts" in {one["name"] for one in resources}
    for one in resources:
        answers[f"resource {one['name']}"] = ask(
            address,
            f"""{{ topLevelResourceDetailsOrError(resourceSelector: {{{_HERE}, resourceName: "{one["name"]}"}}) {{
              __typename ... on ResourceDetails {{ name description resourceType configuredValues {{ key value type }}
              configFields {{ name description defaultValueAsJson }} nestedResources {{ name }} }} }} }}""",
        )
    return answers


def dry_run(address: str, sensor: str) -> str:
    """A tick of the sensor in the code location's own process, as the UI's test button evaluates it."""
    return ask(
        address,
        f"""mutation {{ sensorDryRun(selectorData: {{{_HERE}, sensorName: "{sensor}"}}, cursor: null) {{ __typename
          ... on PythonError {{ {_ERROR} }} ... on DryRunInstigationTick {{ evaluationResult {{ skipReason
          error {{ {_ERROR} }} runRequests {{ runKey tags {{ key value }} runConfigYaml }} }} }} }} }}""",
    )


def _events(run: str) -> str:
    return f"""{{ logsForRun(runId: "{run}", limit: 1000) {{ ... on EventConnection {{ events {{ __typename
      ... on MessageEvent {{ message level stepKey }}
      ... on DisplayableEvent {{ label description {_METADATA} }}
      ... on ErrorEvent {{ error {{ {_ERROR} }} }}
      ... on ExecutionStepFailureEvent {{ failureMetadata {{ {_METADATA} }} }}
      ... on LogsCapturedEvent {{ fileKey stepKeys }} }} }} }} }}"""


def _captured(text: str) -> list[dict[str, Any]]:
    events = json.loads(text)["data"]["logsForRun"]["events"]
    return [event for event in events if event["__typename"] == "LogsCapturedEvent"]
