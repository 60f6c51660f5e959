"""Decodes OTLP trace requests, or log requests (files named `.logs.bin`), protobuf and JSON, with OpenTelemetry's own definitions. Reads files, prints one JSON line
for each.
"""

import base64
import json
import sys

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def unknown_fields(message, path=""):
    found = [f"{path}#{field.field_number}" for field in UnknownFieldSet(message)]
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for part in value if isinstance(value, (list,)) or hasattr(value, "add") else [value]:
            found += unknown_fields(part, f"{path}.{field.name}")
    return found


def with_base64_ids(value):
    """OTLP has ids in hex, protobuf's own JSON in base64."""
    if isinstance(value, list):
        return [with_base64_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64encode(bytes.fromhex(item)).decode()
        if key in ("traceId", "spanId", "parentSpanId")
        else with_base64_ids(item)
        for key, item in value.items()
    }


for name in sys.argv[1:]:
    with open(name, "rb") as file:
        data = file.read()
    request = ExportLogsServiceRequest() if name.endswith(".logs.bin") else ExportTraceServiceRequest()
    same = True
    if data.startswith(b"{"):
        # Fails on names that it does not know.
        ParseDict(with_base64_ids(json.loads(data)), request)
    else:
        request.ParseFromString(data)
        same = request.SerializeToString() == data
    print(
        json.dumps(
            {
                "unknown": unknown_fields(request),
                "same": same,
                "request": MessageToDict(request),
            }
        )
    )
