//! The read side: what the viewer and tests ask the store for.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde_json::json;

use crate::App;
use crate::ids::{TraceId, encode_hex};
use crate::otlp_json;
use crate::store::Database;

/// `GET /api/traces?service=&limit=&since=`: summaries, newest start first.
///
/// `limit` is 50 unless told, at most 1000. `since` is Unix nanoseconds in decimal: only traces that got a
/// span after it, by the collector's clock (the browser's clock may be wrong).
pub(crate) async fn traces(
    State(app): State<App>,
    Query(parameters): Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    let limit = limit(&parameters, 50, 1000)?;
    let since = number(&parameters, "since")?.unwrap_or(-1);
    let service = parameters.get("service").filter(|service| !service.is_empty()).cloned();
    let traces =
        read(&app.database, move |connection| Summary::list(connection, service.as_deref(), since, limit))
            .await?;
    Ok(Json(json!({ "traces": traces })).into_response())
}

/// `GET /api/traces/{traceId}`: the whole trace as OTLP JSON.
pub(crate) async fn trace(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    let Some(id) = TraceId::from_hex(&id) else {
        return Err(Problem::BadRequest("a trace id has 32 hexadecimal digits, not all zero"));
    };
    let groups = read(&app.database, move |connection| whole_trace(connection, id)).await?;
    if groups.is_empty() {
        return Err(Problem::NotFound(format!("there is no trace {id}")));
    }
    Ok(Json(otlp_json::traces_data(&groups)).into_response())
}

/// `GET /api/logs?traceId=&limit=`: the newest log records as OTLP JSON, in the order of their arrival.
///
/// `limit` is 1000 unless told, at most 10 000.
pub(crate) async fn logs(
    State(app): State<App>,
    Query(parameters): Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    let limit = limit(&parameters, 1000, 10_000)?;
    let trace = match parameters.get("traceId").filter(|id| !id.is_empty()) {
        None => None,
        Some(id) => match TraceId::from_hex(id) {
            Some(id) => Some(id),
            None => {
                return Err(Problem::BadRequest("a trace id has 32 hexadecimal digits, not all zero"));
            }
        },
    };
    let groups = read(&app.database, move |connection| newest_logs(connection, trace, limit)).await?;
    Ok(Json(otlp_json::logs_data(&groups)).into_response())
}

/// `GET /api/services`: the names of all services that have spans, sorted.
pub(crate) async fn services(State(app): State<App>) -> Result<Response, Problem> {
    let services = read(&app.database, |connection| {
        connection
            .prepare_cached("SELECT DISTINCT service FROM trace_services ORDER BY service")?
            .query_map([], |row| row.get::<_, String>(0))?
            .collect::<rusqlite::Result<Vec<_>>>()
    })
    .await?;
    Ok(Json(json!({ "services": services })).into_response())
}

/// `DELETE /api/traces`: forgets all traces and logs.
pub(crate) async fn clear(State(app): State<App>) -> Result<StatusCode, Problem> {
    app.writer.clear().await.map_err(|_| Problem::Store)?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the list and the stream say of one trace. 64-bit numbers are strings, as in OTLP.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    trace_id: String,
    root_name: String,
    root_service: String,
    services: Vec<String>,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    duration_nanos: String,
    span_count: i64,
    error_count: i64,
}

impl Summary {
    fn list(
        connection: &Connection,
        service: Option<&str>,
        since: i64,
        limit: i64,
    ) -> rusqlite::Result<Vec<Self>> {
        connection
            .prepare_cached(
                "SELECT trace_id, start, end, span_count, error_count FROM traces
                WHERE updated > ?1 AND (?2 IS NULL OR EXISTS (
                    SELECT 1 FROM trace_services
                    WHERE trace_services.trace_id = traces.trace_id AND service = ?2))
                ORDER BY start DESC, id DESC LIMIT ?3",
            )?
            .query_map(params![since, service, limit], |row| Self::from_row(connection, row))?
            .collect()
    }

    /// `None` if the trace was evicted or cleared meanwhile.
    pub(crate) fn of(connection: &Connection, trace: TraceId) -> rusqlite::Result<Option<Self>> {
        connection
            .prepare_cached(
                "SELECT trace_id, start, end, span_count, error_count FROM traces WHERE trace_id = ?",
            )?
            .query_row([trace.as_bytes()], |row| Self::from_row(connection, row))
            .optional()
    }

    /// The root is the earliest span whose parent is not in the trace; in a circle, the earliest span.
    fn from_row(connection: &Connection, row: &Row<'_>) -> rusqlite::Result<Self> {
        let trace_id: Vec<u8> = row.get(0)?;
        let (start, end): (i64, i64) = (row.get(1)?, row.get(2)?);
        let (root_name, root_service) = connection
            .prepare_cached(
                "SELECT name, service FROM spans AS child WHERE trace_id = ?1
                ORDER BY EXISTS (SELECT 1 FROM spans AS parent
                    WHERE parent.trace_id = ?1 AND parent.span_id = child.parent_span_id),
                    start, id LIMIT 1",
            )?
            .query_row([&trace_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let services = connection
            .prepare_cached("SELECT service FROM trace_services WHERE trace_id = ? ORDER BY service")?
            .query_map([&trace_id], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Self {
            trace_id: encode_hex(&trace_id),
            root_name,
            root_service,
            services,
            start_time_unix_nano: start.to_string(),
            end_time_unix_nano: end.to_string(),
            duration_nanos: (end - start).to_string(),
            span_count: row.get(3)?,
            error_count: row.get(4)?,
        })
    }
}

/// Why a question has no answer, as `{"error":"…"}`.
#[derive(Debug)]
pub(crate) enum Problem {
    BadRequest(&'static str),
    NotFound(String),
    Store,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::BadRequest(message) => (StatusCode::BAD_REQUEST, message.into()),
            Self::NotFound(message) => (StatusCode::NOT_FOUND, message),
            Self::Store => {
                (StatusCode::INTERNAL_SERVER_ERROR, "the trace store failed: see the collector's log".into())
            }
        };
        (status, Json(json!({ "error": error }))).into_response()
    }
}

/// Asks the store, on a thread that may block.
async fn read<T: Send + 'static>(
    database: &Database,
    query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let database = database.clone();
    let result = tokio::task::spawn_blocking(move || database.read(query)).await;
    match result {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            tracing::error!(%error, "the trace store could not be read");
            Err(Problem::Store)
        }
        Err(error) => {
            tracing::error!(%error, "a query panicked");
            Err(Problem::Store)
        }
    }
}

/// Spans in the order of their arrival, grouped by resource and scope in the order of their first span.
fn whole_trace(connection: &Connection, trace: TraceId) -> rusqlite::Result<Vec<ResourceSpans>> {
    let mut groups = Groups::<ResourceSpans, ScopeSpans>::default();
    let mut statement = connection
        .prepare_cached("SELECT resource, scope, message FROM spans WHERE trace_id = ? ORDER BY id")?;
    let mut rows = statement.query([trace.as_bytes()])?;
    while let Some(row) = rows.next()? {
        let span: Span = decode(row.get_ref(2)?.as_blob()?)?;
        groups.scope(connection, row.get(0)?, row.get(1)?)?.spans.push(span);
    }
    Ok(groups.finish(|group, scopes| group.scope_spans = scopes))
}

fn newest_logs(
    connection: &Connection,
    trace: Option<TraceId>,
    limit: i64,
) -> rusqlite::Result<Vec<ResourceLogs>> {
    let mut groups = Groups::<ResourceLogs, ScopeLogs>::default();
    let filter = if trace.is_some() { "trace_id = ?1" } else { "?1 IS NULL" };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT resource, scope, message FROM
            (SELECT * FROM logs WHERE {filter} ORDER BY id DESC LIMIT ?2) ORDER BY id"
    ))?;
    let mut rows = statement.query(params![trace.as_ref().map(TraceId::as_bytes), limit])?;
    while let Some(row) = rows.next()? {
        let record: LogRecord = decode(row.get_ref(2)?.as_blob()?)?;
        groups.scope(connection, row.get(0)?, row.get(1)?)?.log_records.push(record);
    }
    Ok(groups.finish(|group, scopes| group.scope_logs = scopes))
}

/// Envelopes under construction, each under its row's id, in the order of their first use.
struct Groups<R, S> {
    resources: Vec<(R, Vec<S>)>,
    resource_index: HashMap<i64, usize>,
    scope_index: HashMap<(i64, i64), usize>,
}

impl<R: Message + Default, S: Message + Default> Groups<R, S> {
    /// The envelope to put a record of this resource and scope into.
    fn scope(&mut self, connection: &Connection, resource: i64, scope: i64) -> rusqlite::Result<&mut S> {
        let at = match self.resource_index.get(&resource) {
            Some(at) => *at,
            None => {
                let envelope = shared(connection, "resources", resource)?;
                self.resources.push((envelope, Vec::new()));
                self.resource_index.insert(resource, self.resources.len() - 1);
                self.resources.len() - 1
            }
        };
        let scopes = &mut self.resources[at].1;
        let at = match self.scope_index.get(&(resource, scope)) {
            Some(at) => *at,
            None => {
                scopes.push(shared(connection, "scopes", scope)?);
                self.scope_index.insert((resource, scope), scopes.len() - 1);
                scopes.len() - 1
            }
        };
        Ok(&mut scopes[at])
    }

    fn finish(self, fill: fn(&mut R, Vec<S>)) -> Vec<R> {
        self.resources
            .into_iter()
            .map(|(mut envelope, scopes)| {
                fill(&mut envelope, scopes);
                envelope
            })
            .collect()
    }
}

impl<R, S> Default for Groups<R, S> {
    fn default() -> Self {
        Self { resources: Vec::new(), resource_index: HashMap::new(), scope_index: HashMap::new() }
    }
}

fn shared<M: Message + Default>(connection: &Connection, table: &str, id: i64) -> rusqlite::Result<M> {
    connection
        .prepare_cached(&format!("SELECT content FROM {table} WHERE id = ?"))?
        .query_row([id], |row| decode(row.get_ref(0)?.as_blob()?))
}

fn decode<M: Message + Default>(bytes: &[u8]) -> rusqlite::Result<M> {
    M::decode(bytes).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, Box::new(error))
    })
}

fn limit(parameters: &HashMap<String, String>, default: i64, most: i64) -> Result<i64, Problem> {
    Ok(number(parameters, "limit")?.unwrap_or(default).min(most))
}

fn number(parameters: &HashMap<String, String>, name: &'static str) -> Result<Option<i64>, Problem> {
    let Some(text) = parameters.get(name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match text.parse::<u64>() {
        Ok(number) => Ok(Some(i64::try_from(number).unwrap_or(i64::MAX))),
        Err(_) => Err(Problem::BadRequest(match name {
            "since" => "since must be Unix nanoseconds in decimal",
            _ => "limit must be a number",
        })),
    }
}
