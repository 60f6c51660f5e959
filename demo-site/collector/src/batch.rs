//! One transaction of the writer: what is inserted, counted and evicted.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, status::StatusCode};
use prost::Message;
use rusqlite::{OptionalExtension, Transaction, params};

use crate::ids::TraceId;
use crate::store::Payload;

/// One transaction, which may hold many requests.
pub(crate) struct Batch<'a> {
    transaction: &'a Transaction<'a>,
    arrived: i64,
    touched: HashMap<TraceId, Growth>,
}

/// What a batch adds to one trace.
struct Growth {
    /// How many traces the batch touched before: rows are added in the order of arrival.
    rank: usize,
    start: i64,
    end: i64,
    spans: i64,
    errors: i64,
    services: HashSet<Arc<str>>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(transaction: &'a Transaction<'a>, arrived: i64) -> Self {
        Self { transaction, arrived, touched: HashMap::new() }
    }

    pub(crate) fn insert(&mut self, payload: &Payload) -> rusqlite::Result<()> {
        match payload {
            Payload::Traces(groups) => self.insert_traces(groups),
            Payload::Logs(groups) => self.insert_logs(groups),
        }
    }

    /// Brings the traces' own rows up to date, makes room, and says which traces got new spans.
    pub(crate) fn finish(self, max_traces: i64) -> rusqlite::Result<HashSet<TraceId>> {
        self.update_traces()?;
        self.evict(max_traces)?;
        Ok(self.touched.into_keys().collect())
    }

    fn insert_traces(&mut self, groups: &[ResourceSpans]) -> rusqlite::Result<()> {
        for group in groups {
            let resource = self.resource_id(group.resource.as_ref(), &group.schema_url)?;
            let service = service_name(group.resource.as_ref());
            for scope_group in &group.scope_spans {
                let scope = self.scope_id(scope_group.scope.as_ref(), &scope_group.schema_url)?;
                for span in &scope_group.spans {
                    self.insert_span(span, resource, scope, &service)?;
                }
            }
        }
        Ok(())
    }

    /// The first span under an id stays; a retry of it changes nothing.
    fn insert_span(
        &mut self,
        span: &Span,
        resource: i64,
        scope: i64,
        service: &Arc<str>,
    ) -> rusqlite::Result<()> {
        // The receiver has rejected spans with invalid ids.
        let Some(trace) = TraceId::from_bytes(&span.trace_id) else {
            return Ok(());
        };
        let start = signed(span.start_time_unix_nano);
        let end = signed(span.end_time_unix_nano).max(start);
        let status = span.status.as_ref().map_or(0, |status| status.code);
        let inserted = self
            .transaction
            .prepare_cached(
                "INSERT INTO spans (trace_id, span_id, parent_span_id, resource, scope, service, name,
                    kind, status, start, end, message)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                trace.as_bytes(),
                span.span_id,
                span.parent_span_id,
                resource,
                scope,
                service,
                span.name,
                span.kind,
                status,
                start,
                end,
                span.encode_to_vec(),
            ])?;
        if inserted == 0 {
            return Ok(());
        }

        let rank = self.touched.len();
        let growth = self.touched.entry(trace).or_insert_with(|| Growth {
            rank,
            start,
            end,
            spans: 0,
            errors: 0,
            services: HashSet::new(),
        });
        growth.start = growth.start.min(start);
        growth.end = growth.end.max(end);
        growth.spans += 1;
        growth.errors += i64::from(status == StatusCode::Error as i32);
        if !growth.services.contains(service) {
            growth.services.insert(service.clone());
        }
        Ok(())
    }

    fn update_traces(&self) -> rusqlite::Result<()> {
        let mut upsert = self.transaction.prepare_cached(
            "INSERT INTO traces (trace_id, start, end, span_count, error_count, updated)
            VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (trace_id) DO UPDATE SET
                start = min(start, excluded.start), end = max(end, excluded.end),
                span_count = span_count + excluded.span_count,
                error_count = error_count + excluded.error_count, updated = excluded.updated",
        )?;
        let mut add_service = self
            .transaction
            .prepare_cached("INSERT INTO trace_services VALUES (?, ?) ON CONFLICT DO NOTHING")?;
        let mut touched = self.touched.iter().collect::<Vec<_>>();
        touched.sort_unstable_by_key(|(_, growth)| growth.rank);
        for (trace, growth) in touched {
            upsert.execute(params![
                trace.as_bytes(),
                growth.start,
                growth.end,
                growth.spans,
                growth.errors,
                self.arrived
            ])?;
            for service in &growth.services {
                add_service.execute(params![trace.as_bytes(), service])?;
            }
        }
        Ok(())
    }

    /// Log records have no id of their own. A record is known by its content and by how often the same
    /// content came before in its request, so a retried request adds nothing and two equal records of
    /// one request both stay.
    fn insert_logs(&mut self, groups: &[ResourceLogs]) -> rusqlite::Result<()> {
        let mut occurrences = HashMap::<u64, u64>::new();
        for group in groups {
            let resource = self.resource_id(group.resource.as_ref(), &group.schema_url)?;
            for scope_group in &group.scope_logs {
                let scope = self.scope_id(scope_group.scope.as_ref(), &scope_group.schema_url)?;
                for record in &scope_group.log_records {
                    let message = record.encode_to_vec();
                    let content = fingerprint(&(resource, scope, &message));
                    let occurrence = occurrences.entry(content).or_default();
                    self.insert_log(record, resource, scope, &message, (content, *occurrence))?;
                    *occurrence += 1;
                }
            }
        }
        Ok(())
    }

    fn insert_log(
        &self,
        record: &LogRecord,
        resource: i64,
        scope: i64,
        message: &[u8],
        identity: (u64, u64),
    ) -> rusqlite::Result<()> {
        self.transaction
            .prepare_cached(
                "INSERT INTO logs (fingerprint, trace_id, resource, scope, message)
                VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                fingerprint(&identity).cast_signed(),
                TraceId::from_bytes(&record.trace_id).as_ref().map(TraceId::as_bytes),
                resource,
                scope,
                message
            ])?;
        Ok(())
    }

    fn resource_id(&self, resource: Option<&Resource>, schema_url: &str) -> rusqlite::Result<i64> {
        let content = ResourceSpans {
            resource: resource.cloned(),
            scope_spans: Vec::new(),
            schema_url: schema_url.into(),
        };
        self.shared_id(&content.encode_to_vec(), "resources")
    }

    fn scope_id(&self, scope: Option<&InstrumentationScope>, schema_url: &str) -> rusqlite::Result<i64> {
        let content = ScopeSpans { scope: scope.cloned(), spans: Vec::new(), schema_url: schema_url.into() };
        self.shared_id(&content.encode_to_vec(), "scopes")
    }

    /// Finds the row with this content or adds it. Equality is that of the bytes, which SQLite indexes.
    fn shared_id(&self, content: &[u8], table: &str) -> rusqlite::Result<i64> {
        let known = self
            .transaction
            .prepare_cached(&format!("SELECT id FROM {table} WHERE content = ?"))?
            .query_row([content], |row| row.get(0))
            .optional()?;
        if let Some(id) = known {
            return Ok(id);
        }
        self.transaction
            .prepare_cached(&format!("INSERT INTO {table} (content) VALUES (?)"))?
            .insert([content])
    }

    /// Deletes the traces that were silent longest and the oldest log records, and what only they used.
    fn evict(&self, max_traces: i64) -> rusqlite::Result<()> {
        let evicted = self
            .transaction
            .prepare_cached("SELECT trace_id FROM traces ORDER BY updated DESC, id DESC LIMIT -1 OFFSET ?")?
            .query_map([max_traces], |row| row.get::<_, Vec<u8>>(0))?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let mut orphans = HashSet::new();
        for trace in &evicted {
            orphans.extend(
                self.transaction
                    .prepare_cached("SELECT DISTINCT resource, scope FROM spans WHERE trace_id = ?")?
                    .query_map([trace], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?
                    .collect::<rusqlite::Result<Vec<_>>>()?,
            );
            for statement in [
                "DELETE FROM spans WHERE trace_id = ?",
                "DELETE FROM trace_services WHERE trace_id = ?",
                "DELETE FROM traces WHERE trace_id = ?",
            ] {
                self.transaction.prepare_cached(statement)?.execute([trace])?;
            }
        }

        let oldest_log = max_traces.saturating_mul(LOGS_PER_TRACE);
        orphans.extend(
            self.transaction
                .prepare_cached(
                    "DELETE FROM logs WHERE id <= (SELECT max(id) FROM logs) - ?
                    RETURNING resource, scope",
                )?
                .query_map([oldest_log], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<Vec<_>>>()?,
        );
        for (resource, scope) in orphans {
            self.delete_unused("resources", "resource", resource)?;
            self.delete_unused("scopes", "scope", scope)?;
        }
        Ok(())
    }

    fn delete_unused(&self, table: &str, column: &str, id: i64) -> rusqlite::Result<()> {
        self.transaction
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE id = ?1
                    AND NOT EXISTS (SELECT 1 FROM spans WHERE {column} = ?1)
                    AND NOT EXISTS (SELECT 1 FROM logs WHERE {column} = ?1)"
            ))?
            .execute([id])?;
        Ok(())
    }
}

fn service_name(resource: Option<&Resource>) -> Arc<str> {
    resource
        .iter()
        .flat_map(|resource| &resource.attributes)
        .filter(|attribute| attribute.key == "service.name")
        .find_map(|attribute| match attribute.value.as_ref()?.value.as_ref()? {
            any_value::Value::StringValue(name) if !name.is_empty() => Some(name.as_str()),
            _ => None,
        })
        .unwrap_or("unknown_service")
        .into()
}

/// SQLite's integers are signed. A time after the year 2262 is a mistake: for sorting, the last moment
/// will do, and the message keeps the true number.
fn signed(nanoseconds: u64) -> i64 {
    i64::try_from(nanoseconds).unwrap_or(i64::MAX)
}

fn fingerprint(content: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}

/// As many log records are kept as would fill the kept traces with this many each.
const LOGS_PER_TRACE: i64 = 10;

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::logs::v1::ScopeLogs;

    use super::*;
    use crate::store::{Database, Store};

    #[test]
    fn shared_rows_go_with_their_last_user() {
        let database = Database::open(&Store::Memory, 2).unwrap();
        for trace in 1..=4 {
            commit(&database, span(trace, 1, &format!("service-{trace}")));
        }
        assert_eq!(count(&database, "traces"), 2);
        assert_eq!(count(&database, "spans"), 2);
        assert_eq!(count(&database, "trace_services"), 2);
        assert_eq!(count(&database, "resources"), 2);
        assert_eq!(count(&database, "scopes"), 1);
    }

    #[test]
    fn a_trace_that_still_grows_outlives_a_silent_one() {
        let database = Database::open(&Store::Memory, 2).unwrap();
        commit(&database, span(1, 1, "shop"));
        commit(&database, span(2, 1, "shop"));
        commit(&database, span(1, 2, "shop"));
        commit(&database, span(3, 1, "shop"));
        let kept = database
            .read(|connection| {
                connection
                    .prepare("SELECT trace_id FROM traces ORDER BY trace_id")?
                    .query_map([], |row| row.get::<_, Vec<u8>>(0))?
                    .collect::<rusqlite::Result<Vec<_>>>()
            })
            .unwrap();
        assert_eq!(kept, [vec![1; 16], vec![3; 16]]);
    }

    #[test]
    fn equal_log_records_of_one_request_both_stay_and_a_retry_adds_none() {
        let database = Database::open(&Store::Memory, 10).unwrap();
        let record = LogRecord { time_unix_nano: 1, ..Default::default() };
        for _ in 0..2 {
            database.commit([logs(vec![record.clone(), record.clone()])].iter()).unwrap();
        }
        assert_eq!(count(&database, "logs"), 2);
    }

    #[test]
    fn log_records_are_bounded() {
        let database = Database::open(&Store::Memory, 1).unwrap();
        let records = (0..25).map(|time_unix_nano| LogRecord { time_unix_nano, ..Default::default() });
        database.commit([logs(records.collect())].iter()).unwrap();
        assert_eq!(count(&database, "logs"), LOGS_PER_TRACE);
        assert_eq!(count(&database, "resources"), 1);
    }

    fn commit(database: &Database, payload: Payload) {
        database.commit([payload].iter()).unwrap();
    }

    fn span(trace: u8, id: u8, service: &str) -> Payload {
        let json = format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name",
            "value":{{"stringValue":"{service}"}}}}]}},"scopeSpans":[{{"spans":[{{"traceId":"{}",
            "spanId":"{}","name":"s"}}]}}]}}]}}"#,
            format!("{trace:02x}").repeat(16),
            format!("{id:02x}").repeat(8),
        );
        Payload::Traces(crate::otlp_json::trace_request(json.as_bytes()).unwrap())
    }

    fn logs(log_records: Vec<LogRecord>) -> Payload {
        Payload::Logs(vec![ResourceLogs {
            scope_logs: vec![ScopeLogs { log_records, ..Default::default() }],
            ..Default::default()
        }])
    }

    fn count(database: &Database, table: &str) -> i64 {
        database
            .read(|connection| {
                connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
            })
            .unwrap()
    }
}
