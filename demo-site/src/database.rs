//! The shop's SQLite database; every statement is a CLIENT span of the request that needed it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Params, Row};
use tracing::Span;
use tracing::field::{self, display};

use crate::{catalog, orders};

/// One connection, used in turns.
///
/// Statements here take microseconds, so they run on the async threads under a short lock; a pool and
/// `spawn_blocking` would cost more than they save.
pub(crate) struct Database {
    connection: Mutex<Connection>,
}

impl Database {
    /// Opens the shop's data, and fills it the first time. `None` keeps it in memory.
    pub(crate) fn open(path: Option<&Path>) -> rusqlite::Result<Self> {
        let mut connection = match path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        let version = connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?;
        if version != VERSION {
            let change = connection.transaction()?;
            change.execute_batch(SCHEMA)?;
            catalog::seed(&change)?;
            orders::seed(&change)?;
            change.pragma_update(None, "user_version", VERSION)?;
            change.commit()?;
        }
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// All rows that `statement` yields.
    pub(crate) fn rows<T>(
        &self,
        statement: &Statement,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        statement
            .traced(|| self.connection().prepare_cached(statement.text)?.query_map(params, read)?.collect())
    }

    /// The first row that `statement` yields, if it yields any.
    pub(crate) fn row<T>(
        &self,
        statement: &Statement,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        statement
            .traced(|| self.connection().prepare_cached(statement.text)?.query_row(params, read).optional())
    }

    /// Runs a statement that changes something, and says how many rows.
    pub(crate) fn execute(&self, statement: &Statement, params: impl Params) -> rusqlite::Result<usize> {
        statement.traced(|| self.connection().prepare_cached(statement.text)?.execute(params))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // SQLite keeps itself consistent; a panic while reading a row changes nothing.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An SQL statement and what its span says about it. Values are always parameters, so the text is safe to record.
pub(crate) struct Statement {
    pub(crate) operation: &'static str,
    pub(crate) table: &'static str,
    pub(crate) text: &'static str,
}

impl Statement {
    fn traced<T>(&self, run: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let span = self.span();
        let result = span.in_scope(run);
        if let Err(error) = &result {
            span.record("otel.status_code", "ERROR");
            span.record("otel.status_description", display(error));
            span.record("error.type", "rusqlite::Error");
        }
        result
    }

    fn span(&self) -> Span {
        tracing::info_span!(
            "query",
            otel.name = format!("{} {}", self.operation, self.table),
            otel.kind = "client",
            otel.status_code = field::Empty,
            otel.status_description = field::Empty,
            db.system.name = "sqlite",
            db.operation.name = self.operation,
            db.collection.name = self.table,
            db.query.text = self.text,
            error.type = field::Empty,
        )
    }
}

/// Where the shop's tables lie inside the data folder.
pub(crate) fn file_in(data: &Path) -> PathBuf {
    data.join("shop.sqlite")
}

/// Raise it with every change of [`SCHEMA`] or of the seed: an older file is then filled anew.
const VERSION: i64 = 1;

const SCHEMA: &str = "
    DROP TABLE IF EXISTS products;
    DROP TABLE IF EXISTS reviews;
    DROP TABLE IF EXISTS basket_items;
    DROP TABLE IF EXISTS orders;
    DROP TABLE IF EXISTS order_items;
    DROP TABLE IF EXISTS settings;
    CREATE TABLE products (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        category TEXT NOT NULL,
        price INTEGER NOT NULL,
        stock INTEGER NOT NULL,
        summary TEXT NOT NULL,
        description TEXT NOT NULL
    );
    CREATE TABLE reviews (
        product INTEGER NOT NULL,
        author TEXT NOT NULL,
        stars INTEGER NOT NULL,
        text TEXT NOT NULL
    );
    CREATE TABLE basket_items (
        session TEXT NOT NULL,
        product INTEGER NOT NULL,
        quantity INTEGER NOT NULL,
        PRIMARY KEY (session, product)
    ) WITHOUT ROWID;
    CREATE TABLE orders (
        id INTEGER PRIMARY KEY,
        session TEXT,
        placed TEXT NOT NULL,
        status TEXT NOT NULL,
        total INTEGER NOT NULL
    );
    CREATE TABLE order_items (
        customer_order INTEGER NOT NULL,
        product INTEGER NOT NULL,
        quantity INTEGER NOT NULL
    );
    CREATE TABLE settings (
        session TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        newsletter INTEGER NOT NULL
    ) WITHOUT ROWID;
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_database_is_filled() {
        let database = Database::open(None).unwrap();
        let count =
            Statement { operation: "SELECT", table: "products", text: "SELECT count(*) FROM products" };
        let products = database.row(&count, [], |row| row.get::<_, i64>(0));
        assert_eq!(products, Ok(Some(12)));
    }

    #[test]
    fn opening_a_file_again_keeps_its_baskets() {
        let folder = std::env::temp_dir().join(format!("headwater-shop-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = file_in(&folder);
        let add = Statement {
            operation: "INSERT",
            table: "basket_items",
            text: "INSERT INTO basket_items VALUES ('me', 1, 2)",
        };
        Database::open(Some(&file)).unwrap().execute(&add, []).unwrap();

        let quantity = Statement {
            operation: "SELECT",
            table: "basket_items",
            text: "SELECT quantity FROM basket_items",
        };
        let again = Database::open(Some(&file)).unwrap();
        assert_eq!(again.row(&quantity, [], |row| row.get::<_, i64>(0)), Ok(Some(2)));
        drop(again);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
