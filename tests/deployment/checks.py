"""The checks of `./muster check --deploy`: the files of `deploy/`, read by the programs that they are written for."""

import sys

from tests.checks import BIN

PROXIES = "proxies (nginx and Caddy before a Muster that runs)"
RUNNING = (PROXIES,)
CHECKS = {
    "image (hadolint)": [str(BIN / "hadolint"), "deploy/Dockerfile"],
    "compose file (docker-compose config)": [sys.executable, "-m", "tests.deployment.compose"],
    "chart (helm lint and template, Kubernetes' schemas)": [sys.executable, "-m", "tests.deployment.chart"],
    "units (systemd-analyze verify)": [sys.executable, "-m", "tests.deployment.units"],
    PROXIES: [sys.executable, "-m", "tests.deployment.proxies"],
    "alert rules (promtool check rules)": ["promtool", "check", "rules", "deploy/monitoring/alerts.yaml"],
    "alerts (promtool test rules)": ["promtool", "test", "rules", "tests/deployment/alerts_test.yaml"],
    "metrics (promtool check metrics)": [sys.executable, "-m", "tests.deployment.metrics"],
}
