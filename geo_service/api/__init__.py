"""The API: routes over the service. Handlers translate a request into one call and its answer into bytes."""
