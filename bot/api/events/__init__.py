"""Events of other systems: CloudEvents, OpenLineage and webhooks, as reports about runs."""
