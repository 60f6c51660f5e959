//! The SQLite store: its tables, and the connections to it.
//!
//! A span is one row: its columns are what queries ask for, its `message` is the span as protobuf, so
//! that nothing is lost. What spans share (resource with its schema URL, scope with its schema URL) is
//! one row per content, and reading a trace back groups by it. `ResourceSpans` and `ResourceLogs` (and
//! their scopes) have the same fields on the wire, so traces and logs share these rows.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::logs::v1::ResourceLogs;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::Mutex;

use crate::batch::Batch;
use crate::error::Error;
use crate::ids::TraceId;

/// Where spans are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Store {
    /// In this process, gone when it ends.
    #[default]
    Memory,
    /// In this SQLite file. Parent folders are created.
    File(PathBuf),
}

/// What one request asks the store to keep. Ids are checked before.
#[derive(Debug)]
pub(crate) enum Payload {
    Traces(Vec<ResourceSpans>),
    Logs(Vec<ResourceLogs>),
}

/// The open store. The writer's connection and the readers' are the same in memory, where tokio's
/// mutex (it is fair, the standard library's is not) keeps readers from starving the writer.
#[derive(Clone)]
pub(crate) struct Database {
    writer: Arc<Mutex<Connection>>,
    reader: Arc<Mutex<Connection>>,
    max_traces: i64,
}

impl Database {
    pub(crate) fn open(store: &Store, max_traces: usize) -> Result<Self, Error> {
        let max_traces = i64::try_from(max_traces).unwrap_or(i64::MAX);
        let path = match store {
            Store::Memory => {
                let open_error = |source| Error::Open { store: "in memory".into(), source };
                let connection = Connection::open_in_memory().map_err(open_error)?;
                connection.set_prepared_statement_cache_capacity(STATEMENTS);
                connection.execute_batch(SCHEMA).map_err(open_error)?;
                let shared = Arc::new(Mutex::new(connection));
                return Ok(Self { writer: shared.clone(), reader: shared, max_traces });
            }
            Store::File(path) => path,
        };

        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|source| Error::Folder { folder: folder.into(), source })?;
        }
        let name = path.display().to_string();
        let open_error = |source| Error::Open { store: name.clone(), source };
        let writer = Connection::open(path).map_err(open_error)?;
        match Contents::of(&writer).map_err(open_error)? {
            Contents::Ours => {}
            Contents::Nothing => {
                writer
                    .pragma_update(None, "journal_mode", "WAL")
                    .and_then(|()| writer.execute_batch(SCHEMA))
                    .map_err(open_error)?;
            }
            Contents::Foreign => return Err(Error::Foreign { store: name }),
        }
        // In WAL mode NORMAL still survives a killed process; only a power cut can lose the last commits.
        writer
            .pragma_update(None, "synchronous", "NORMAL")
            .and_then(|()| writer.busy_timeout(BUSY_TIMEOUT))
            .map_err(open_error)?;
        writer.set_prepared_statement_cache_capacity(STATEMENTS);
        let reader = Connection::open(path).map_err(open_error)?;
        reader
            .pragma_update(None, "query_only", true)
            .and_then(|()| reader.busy_timeout(BUSY_TIMEOUT))
            .map_err(open_error)?;
        Ok(Self { writer: Arc::new(Mutex::new(writer)), reader: Arc::new(Mutex::new(reader)), max_traces })
    }

    /// Runs `query` on one consistent state of the store. Blocks: not for async code.
    pub(crate) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let mut connection = self.reader.blocking_lock();
        let transaction = connection.transaction()?;
        query(&transaction)
    }

    /// Stores everything in one transaction and says which traces got new spans. Blocks.
    pub(crate) fn commit<'a>(
        &self,
        payloads: impl Iterator<Item = &'a Payload>,
    ) -> rusqlite::Result<HashSet<TraceId>> {
        let mut connection = self.writer.blocking_lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut batch = Batch::new(&transaction, now());
        for payload in payloads {
            batch.insert(payload)?;
        }
        let touched = batch.finish(self.max_traces)?;
        transaction.commit()?;
        Ok(touched)
    }

    /// Forgets everything. Blocks.
    pub(crate) fn clear(&self) -> rusqlite::Result<()> {
        self.writer.blocking_lock().execute_batch(
            "BEGIN IMMEDIATE;
            DELETE FROM spans; DELETE FROM trace_services; DELETE FROM traces; DELETE FROM logs;
            DELETE FROM resources; DELETE FROM scopes;
            COMMIT;",
        )
    }
}

/// What a data file holds when it is opened.
enum Contents {
    Nothing,
    Ours,
    Foreign,
}

impl Contents {
    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let marks = connection.query_row(
            "SELECT (SELECT application_id FROM pragma_application_id),
                (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        Ok(match marks {
            (_, _, 0) => Self::Nothing,
            (APPLICATION_ID, SCHEMA_VERSION, _) => Self::Ours,
            _ => Self::Foreign,
        })
    }
}

/// Unix nanoseconds.
fn now() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX)
}

const SCHEMA: &str = "
    BEGIN;
    CREATE TABLE resources (id INTEGER PRIMARY KEY, content BLOB NOT NULL UNIQUE);
    CREATE TABLE scopes (id INTEGER PRIMARY KEY, content BLOB NOT NULL UNIQUE);
    CREATE TABLE traces (
        id INTEGER PRIMARY KEY, trace_id BLOB NOT NULL UNIQUE,
        start INTEGER NOT NULL, end INTEGER NOT NULL,
        span_count INTEGER NOT NULL, error_count INTEGER NOT NULL, updated INTEGER NOT NULL);
    CREATE INDEX traces_by_start ON traces (start);
    CREATE INDEX traces_by_update ON traces (updated);
    CREATE TABLE trace_services (
        trace_id BLOB NOT NULL, service TEXT NOT NULL,
        PRIMARY KEY (trace_id, service)) WITHOUT ROWID;
    CREATE TABLE spans (
        id INTEGER PRIMARY KEY, trace_id BLOB NOT NULL, span_id BLOB NOT NULL,
        parent_span_id BLOB NOT NULL, resource INTEGER NOT NULL, scope INTEGER NOT NULL,
        service TEXT NOT NULL, name TEXT NOT NULL, kind INTEGER NOT NULL, status INTEGER NOT NULL,
        start INTEGER NOT NULL, end INTEGER NOT NULL, message BLOB NOT NULL,
        UNIQUE (trace_id, span_id));
    CREATE INDEX spans_by_resource ON spans (resource);
    CREATE INDEX spans_by_scope ON spans (scope);
    CREATE TABLE logs (
        id INTEGER PRIMARY KEY, fingerprint INTEGER NOT NULL UNIQUE, trace_id BLOB,
        resource INTEGER NOT NULL, scope INTEGER NOT NULL, message BLOB NOT NULL);
    CREATE INDEX logs_by_trace ON logs (trace_id);
    CREATE INDEX logs_by_resource ON logs (resource);
    CREATE INDEX logs_by_scope ON logs (scope);
    PRAGMA application_id = 0x48445752;
    PRAGMA user_version = 1;
    COMMIT;";

/// `HDWR`, as in the schema.
const APPLICATION_ID: i64 = 0x4844_5752;
const SCHEMA_VERSION: i64 = 1;
/// Enough for every statement there is: preparing one costs more than running it.
const STATEMENTS: usize = 64;
/// How long a foreign lock on the file (a person with `sqlite3`) may hold up the writer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_database_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE notes (text)").unwrap();
        let store = Store::File(path.clone());
        assert!(matches!(Database::open(&store, 1), Err(Error::Foreign { .. })));
        fs::write(&path, vec![b'x'; 4096]).unwrap();
        assert!(matches!(Database::open(&store, 1), Err(Error::Open { .. })));
    }
}
