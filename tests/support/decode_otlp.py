"""Decodes OTLP trace requests with OpenTelemetry's own definitions. Reads files, prints one JSON line for each."""

import json
import sys

from google.protobuf.json_format import MessageToDict
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def unknown_fields(message, path=""):
    found = [f"{path}#{field.field_number}" for field in UnknownFieldSet(message)]
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for part in value if isinstance(value, (list,)) or hasattr(value, "add") else [value]:
            found += unknown_fields(part, f"{path}.{field.name}")
    return found


for name in sys.argv[1:]:
    with open(name, "rb") as file:
        data = file.read()
    request = ExportTraceServiceRequest()
    request.ParseFromString(data)
    print(
        json.dumps(
            {
                "unknown": unknown_fields(request),
                "same": request.SerializeToString() == data,
                "request": MessageToDict(request),
            }
        )
    )
