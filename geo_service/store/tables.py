"""The tables of the register, in types that every SQL database has."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, Float, Index, Integer, MetaData, String, Table, Text

METADATA = MetaData()

EDITIONS = Table(
    "editions",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("layer", String(64), nullable=False),
    Column("name", String(80), nullable=False, unique=True),
    Column("sha256", String(64), nullable=False),
    Column("edition_date", Date),
    Column("published", Boolean, nullable=False),
    Column("report", Text, nullable=False),
)

CLAIMS = Table(
    "claims",
    METADATA,
    Column("parcel_id", String(64), primary_key=True),
    Column("service", String(64), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("reach", String(16), primary_key=True),
    Column("document", Text, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("dated_on", Date, nullable=False),
    Column("valid_to", Date),
    Column("funded", Boolean),
    Column("due_on", Date),
    Column("capacity", Float),
    Column("remark", Text, nullable=False),
)

FACTS = Table(
    "parcel_facts",
    METADATA,
    Column("parcel_id", String(64), primary_key=True),
    Column("project_type", Text),
    Column("stage", Text),
    Column("planned_notice_on", Date),
    Column("handover_on", Date),
    Column("registered_area_m2", Float),
    Column("demands", Text, nullable=False),
)

INDICATORS = Table(
    "indicators",
    METADATA,
    Column("parcel_id", String(64), primary_key=True),
    Column("code", String(64), primary_key=True),
    Column("value", Float),
    Column("unit", String(32), nullable=False),
    Column("document", Text, nullable=False),
)

VERDICTS = Table(
    "verdict_history",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("parcel_id", String(64), nullable=False),
    Column("as_of", Date, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("record", Text, nullable=False),
)
Index("verdict_history_of", VERDICTS.c.parcel_id, VERDICTS.c.as_of, VERDICTS.c.seq)

AUDIT = Table(
    "audit",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("at", String(40)),
    Column("action", String(64), nullable=False),
    Column("object", Text, nullable=False),
    Column("input_sha256", String(64), nullable=False),
    Column("actor", String(32)),
)

KEYS = Table(
    "keys",
    METADATA,
    Column("id", String(8), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("zones", Text),
    Column("name", Text, nullable=False),
    Column("created_at", String(40), nullable=False),
    Column("expires_at", String(40), nullable=False),
    Column("revoked_at", String(40)),
)

JOBS = Table(
    "jobs",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("layer", String(64), nullable=False),
    Column("source", Text, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("key", String(64), unique=True),
    Column("caller", Text, nullable=False),
    Column("owner", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("submitted_at", String(40), nullable=False),
    Column("began_at", String(40)),
    Column("ended_at", String(40)),
    Column("edition", String(80)),
    Column("read", Integer),
    Column("report", Text),
    Column("faults", Text),
)
Index("jobs_unfinished", JOBS.c.state)

#: Sessions of browsers that were ended before their time.
ENDED = Table(
    "ended_sessions",
    METADATA,
    Column("number", String(32), primary_key=True),
    Column("until", Integer, nullable=False),
)

APPEND_ONLY = (VERDICTS, AUDIT)
#: Tables that a register of an earlier version of this program lacks; they are added when it is opened.
LATER = (JOBS, KEYS, ENDED)
#: Columns that it lacks, added likewise; they may be empty.
LATER_COLUMNS = (AUDIT.c.actor,)
