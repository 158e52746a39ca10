`GET /openapi.json` describes the HTTP interface as OpenAPI 3.1, and `docs/protocol.md` every message; both are made from the code.
