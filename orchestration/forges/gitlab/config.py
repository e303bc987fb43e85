"""Addresses of GitLab, where projects are in groups of groups."""

from orchestration.forges.shared.interface import ForgeConfig

CONFIG = ForgeConfig("GitLab", url="https://gitlab.com", repository="", hosts=r".*gitlab.*", compare_path="-/compare")
