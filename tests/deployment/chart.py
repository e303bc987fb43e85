"""The chart: `helm lint`, and what it renders with several values against the schemas of the oldest and the newest Kubernetes it is for."""

import sys
from typing import Any

import yaml

VERSIONS = ("1.33", "1.37")
CHART = "deploy/helm/muster"
SECRET = {"existingSecret": "muster"}
CASES = {
    "the least": SECRET,
    "an ingress with TLS": SECRET
    | {"web": {"ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tls", "annotations": {"a": "b"}}}},
    "nodes and labels": SECRET
    | {
        "sessions": {
            "labels": "gpu",
            "nodeSelector": {"disk": "fast"},
            "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        },
    },
    "a device for private networks": SECRET | {"sessions": {"resources": {"limits": {"squat.ai/tun": 1}}}},
    "no sandbox": SECRET
    | {
        "sessions": {"hostUsers": True, "securityContext": None},
        "env": {"MUSTER_SANDBOX": "none"},
    },
}
WRONG: tuple[dict[str, object], ...] = (
    {"sesions": {"replicas": 2}},
    {"sessions": {"replicas": "two"}},
    {"sessions": {"drainSeconds": -1}},
    {"env": {"MUSTER_DRAIN_S": "10"}},  # drainSeconds sets it
    {"baseUrl": "muster.example.com"},
)


def main() -> int:
    import helm_python  # of requirements/deploy.txt, as the next

    problems = [message for values in CASES.values() for message in helm_python.lint(CHART, values, strict=True)["errors"]]
    chart = helm_python.Chart.load(CHART)
    for case, values in CASES.items():
        problems += [f"{case}: {problem}" for problem in problems_of(chart.render(values, name="muster"))]
    try:
        chart.render({}, name="muster")
        problems.append("It renders without existingSecret")
    except helm_python.HelmError as error:
        if "existingSecret" not in str(error):
            problems.append(f"Without existingSecret it says {error}")
    for drain_s in (5, 600):
        if f"terminationGracePeriodSeconds: {drain_s + 30}" not in sessions_of(chart, drain_s):
            problems.append(f"drainSeconds {drain_s} does not end after 30 s more")
    for wrong in WRONG:
        if not helm_python.lint(CHART, SECRET | wrong, strict=True)["errors"]:
            problems.append(f"It takes {wrong}")
    print("\n".join(problems))
    return len(problems)


def sessions_of(chart: Any, drain_s: int) -> str:
    rendered = chart.render(SECRET | {"sessions": {"drainSeconds": drain_s}}, name="muster")
    return next(text for path, text in rendered.items() if path.endswith("sessions.yaml"))


def problems_of(rendered: dict[str, str]) -> list[str]:
    import kubernetes_validate

    problems = []
    for path, text in rendered.items():
        for item in yaml.safe_load_all("" if path.endswith(".txt") else text):
            for version in VERSIONS if item else ():
                try:
                    kubernetes_validate.validate(item, version, strict=True)
                except kubernetes_validate.ValidationError as error:
                    problems.append(f"{path}, Kubernetes {version}: {error.message}")
    return problems


if __name__ == "__main__":
    sys.exit(main())
