//! Placed orders, and the few settings of an account.

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use crate::baskets::Basket;
use crate::database::{Database, Statement};

/// An order without its items.
#[derive(Debug, Serialize)]
pub(crate) struct Order {
    pub(crate) id: i64,
    placed: String,
    status: String,
    /// In cents.
    pub(crate) total: i64,
}

impl Order {
    /// Turns the session's cart into an order and empties the cart.
    pub(crate) fn place(
        database: &Database,
        session: &str,
        basket: &Basket,
    ) -> rusqlite::Result<Option<Self>> {
        let order = database.row(&PLACE, params![session, basket.total()], Self::read)?;
        if let Some(order) = &order {
            for item in &basket.items {
                database.execute(&ADD_ITEM, params![order.id, item.product, item.quantity])?;
            }
            Basket::empty(database, session)?;
        }
        Ok(order)
    }

    /// The session's orders and the sample ones, latest first.
    pub(crate) fn all(database: &Database, session: &str) -> rusqlite::Result<Vec<Self>> {
        database.rows(&ALL, [session], Self::read)
    }

    pub(crate) fn find(database: &Database, session: &str, id: i64) -> rusqlite::Result<Option<Self>> {
        database.row(&ONE, params![session, id], Self::read)
    }

    pub(crate) fn items(&self, database: &Database) -> rusqlite::Result<Vec<OrderItem>> {
        database.rows(&ITEMS, [self.id], |row| {
            Ok(OrderItem {
                product: row.get(0)?,
                name: row.get(1)?,
                price: row.get(2)?,
                quantity: row.get(3)?,
            })
        })
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, placed: row.get(1)?, status: row.get(2)?, total: row.get(3)? })
    }
}

/// A line of an order.
#[derive(Debug, Serialize)]
pub(crate) struct OrderItem {
    product: i64,
    name: String,
    price: i64,
    quantity: i64,
}

/// What a customer may change about the account.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) newsletter: bool,
}

impl Settings {
    pub(crate) fn of(database: &Database, session: &str) -> rusqlite::Result<Self> {
        let settings = database
            .row(&SETTINGS, [session], |row| Ok(Self { name: row.get(0)?, newsletter: row.get(1)? }))?;
        Ok(settings.unwrap_or_else(|| Self { name: "River Guest".to_owned(), newsletter: false }))
    }

    pub(crate) fn save(&self, database: &Database, session: &str) -> rusqlite::Result<()> {
        let name = self.name.chars().take(80).collect::<String>();
        database.execute(&SAVE_SETTINGS, params![session, name, self.newsletter])?;
        Ok(())
    }
}

/// Sample orders, so that a new account is not empty.
pub(crate) fn seed(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "INSERT INTO orders VALUES (1041, NULL, '2026-03-02', 'delivered', 6390);
         INSERT INTO orders VALUES (1077, NULL, '2026-06-19', 'delivered', 54900);
         INSERT INTO order_items VALUES (1041, 2, 1), (1041, 3, 1), (1041, 4, 1);
         INSERT INTO order_items VALUES (1077, 11, 1);",
    )
}

const PLACE: Statement = Statement {
    operation: "INSERT",
    table: "orders",
    text: "INSERT INTO orders (session, placed, status, total) VALUES (?1, date('now'), 'packing', ?2) \
           RETURNING id, placed, status, total",
};

const ADD_ITEM: Statement = Statement {
    operation: "INSERT",
    table: "order_items",
    text: "INSERT INTO order_items (customer_order, product, quantity) VALUES (?1, ?2, ?3)",
};

const ALL: Statement = Statement {
    operation: "SELECT",
    table: "orders",
    text: "SELECT id, placed, status, total FROM orders WHERE session = ?1 OR session IS NULL ORDER BY id DESC",
};

const ONE: Statement = Statement {
    operation: "SELECT",
    table: "orders",
    text: "SELECT id, placed, status, total FROM orders WHERE (session = ?1 OR session IS NULL) AND id = ?2",
};

const ITEMS: Statement = Statement {
    operation: "SELECT",
    table: "order_items",
    text: "SELECT products.id, products.name, products.price, order_items.quantity FROM order_items \
           JOIN products ON products.id = order_items.product WHERE order_items.customer_order = ?1 ORDER BY products.id",
};

const SETTINGS: Statement = Statement {
    operation: "SELECT",
    table: "settings",
    text: "SELECT name, newsletter FROM settings WHERE session = ?1",
};

const SAVE_SETTINGS: Statement = Statement {
    operation: "INSERT",
    table: "settings",
    text: "INSERT INTO settings (session, name, newsletter) VALUES (?1, ?2, ?3) \
           ON CONFLICT DO UPDATE SET name = excluded.name, newsletter = excluded.newsletter",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placing_an_order_empties_the_cart() {
        let database = Database::open(None).unwrap();
        Basket::add(&database, "me", 2, 2).unwrap();
        let basket = Basket::of(&database, "me").unwrap();
        let order = Order::place(&database, "me", &basket).unwrap().unwrap();

        assert_eq!(order.total, 2_900);
        assert_eq!(order.items(&database).unwrap().len(), 1);
        assert_eq!(Basket::of(&database, "me").unwrap().count(), 0);
    }

    #[test]
    fn somebody_elses_order_cannot_be_seen() {
        let database = Database::open(None).unwrap();
        Basket::add(&database, "me", 2, 2).unwrap();
        let basket = Basket::of(&database, "me").unwrap();
        let order = Order::place(&database, "me", &basket).unwrap().unwrap();
        assert!(Order::find(&database, "you", order.id).unwrap().is_none());
    }
}
