"""What Prometheus reads: `families` lists the metrics, `collector` fills them when they are scraped, `entry_counts` counts entries,
`hosts` has those of hosts and their workers, `backups` that of the last backup."""

from orchestration.metrics.collector import Collector

__all__ = ["Collector"]
