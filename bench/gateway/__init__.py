"""The gateway among liars and kills."""
