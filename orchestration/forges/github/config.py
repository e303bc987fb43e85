"""Addresses of GitHub."""

from orchestration.forges.shared.interface import ForgeConfig

CONFIG = ForgeConfig("GitHub", url="https://api.github.com", hosts=r"github\.com", compare_path="compare")
