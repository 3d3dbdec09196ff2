"""The least that the same framework answers: what every other rate of the load benchmark is compared with."""

from __future__ import annotations

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def status() -> dict[str, str]:
    """Answer."""
    return {"status": "ok"}
