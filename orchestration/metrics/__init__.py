"""The metrics for Prometheus: `families` lists them, `collector` fills them when they are scraped, `entry_counts` counts entries,
`outcome_counts` has the counters of what ended, `hosts` those of hosts and their workers, `backups` that of the last backup."""

from orchestration.metrics.collector import Collector

__all__ = ["Collector"]
