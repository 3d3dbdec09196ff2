"""Many parcels: cut into units of work that any process may do, kept as they come, put together in the order of ids.

::

    parcels edition ──plan──▶ units along a Hilbert curve ──examiner──▶ one file a unit ──run──▶ results by id
                                                                ▲
                                             processes of this machine, or a cluster

A unit's result is a function of its job: parcels, rules, names and hashes of the editions, versions of the software.
So a run may stop and go on, and a worker may die, and nobody can tell from the result. What an earlier run has
concluded is taken over where no new edition can have changed it (`changes`).
"""

from geo_service.batch.basis import published
from geo_service.batch.cluster import Cluster
from geo_service.batch.local import Here, Processes, cores
from geo_service.batch.run import Crew, Run, opened
from geo_service.batch.unit import Concluded

__all__ = ["Cluster", "Concluded", "Crew", "Here", "Processes", "Run", "cores", "opened", "published"]
