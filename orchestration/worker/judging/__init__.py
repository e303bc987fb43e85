"""Judge a tree by the workspace's checks: for a round, for a base, for a landing.

checks    runs the verify commands and reads their evidence
junit     reads JUnit reports
baseline  the verdict on a base: stored, awaited or made
"""
